MODEL (
  name staging.seed_identities,
  kind SEED (
    path '../../seeds/identities.csv'
  ),
  description 'One row per money identity: what should add up in a return.',
  grain identity_id,
  columns (
    identity_id TEXT,
    grade TEXT,
    statement TEXT,
    is_header_only BOOLEAN
  ),
  column_descriptions (
    identity_id = 'Id, C1 to G3',
    grade = 'How sure the identity is: certain, documented, probable or guess',
    statement = 'What should hold',
    is_header_only = 'True when no line enters: its tolerance is one minor unit'
  ),
  audits (
    unique_values(columns := (
      identity_id
    ))
  )
)
