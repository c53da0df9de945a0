MODEL (
  name staging.seed_currencies,
  kind SEED (
    path '../../seeds/currencies.csv'
  ),
  description 'One row per currency: its smallest unit.',
  grain currency,
  columns (
    currency TEXT,
    minor_unit DECIMAL(18, 4)
  ),
  column_descriptions (currency = 'ISO 4217 code', minor_unit = 'Smallest unit'),
  audits (
    unique_values(columns := (
      currency
    ))
  )
)
