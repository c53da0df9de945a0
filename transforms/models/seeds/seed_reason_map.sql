MODEL (
  name staging.seed_reason_map,
  kind SEED (
    path '../../seeds/reason_map.csv'
  ),
  description 'One row per reason as shops write it, in lower case: the reason and group that it is counted as.',
  grain raw_reason,
  columns (
    raw_reason TEXT,
    reason TEXT,
    parent_reason TEXT,
    is_normal BOOLEAN
  ),
  column_descriptions (
    raw_reason = 'Reason as it is written, in lower case',
    reason = 'What it is counted as',
    parent_reason = 'Group of it: size, preference, description, fulfillment, quality',
    is_normal = 'False when the shop can do something about it at once'
  ),
  audits (
    unique_values(columns := (
      raw_reason
    ))
  )
)
