MODEL (
  name staging.seed_outcomes,
  kind SEED (
    path '../../seeds/outcomes.csv'
  ),
  description 'One row per spelling of an outcome: the one spelling used for comparing.',
  grain outcome,
  columns (
    outcome TEXT,
    canonical_outcome TEXT
  ),
  column_descriptions (outcome = 'Outcome as Loop writes it', canonical_outcome = 'The one spelling'),
  audits (
    unique_values(columns := (
      outcome
    ))
  )
)
