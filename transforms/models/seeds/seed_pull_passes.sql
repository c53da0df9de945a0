MODEL (
  name staging.seed_pull_passes,
  kind SEED (
    path '../../seeds/pull_passes.csv'
  ),
  description 'One row per pass of a pull: what must have been read for the data to be whole.',
  grain (endpoint, pass),
  columns (
    endpoint TEXT,
    pass TEXT
  ),
  column_descriptions (endpoint = 'Endpoint', pass = 'Pass'),
  audits (
    unique_combination_of_columns(columns := (endpoint, pass))
  )
)
