MODEL (
  name staging.seed_checks,
  kind SEED (
    path '../../seeds/checks.csv'
  ),
  description 'One row per check of single rows: what a finding of it means for the run.',
  grain check_id,
  columns (
    check_id TEXT,
    result TEXT,
    says TEXT
  ),
  column_descriptions (
    check_id = 'Check',
    result = 'notice, warn or block when it finds something',
    says = 'What a finding says'
  ),
  audits (
    unique_values(columns := (
      check_id
    ))
  )
)
