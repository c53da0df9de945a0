MODEL (
  name staging.seed_rules,
  kind SEED (
    path '../../seeds/rules.csv'
  ),
  description 'One row per rule: what it asks for, how severe it is, and who owns it.',
  grain rule_id,
  columns (
    rule_id TEXT,
    action TEXT,
    severity INT,
    owner TEXT,
    says TEXT
  ),
  column_descriptions (
    rule_id = 'Rule',
    action = 'flag, cancel, process, or none: a task for people',
    severity = '1 money leaves wrongly, 2 money wrong or goods missing, 3 a customer waits, 4 hygiene',
    owner = 'Who looks after it',
    says = 'What it picks'
  ),
  audits (
    unique_values(columns := (
      rule_id
    ))
  )
)
