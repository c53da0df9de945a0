MODEL (
  name staging.seed_return_states,
  kind SEED (
    path '../../seeds/return_states.csv'
  ),
  description 'One row per state of a return that Loop documents: the pass that reads it.',
  grain state,
  columns (
    state TEXT,
    pass TEXT,
    is_live BOOLEAN
  ),
  column_descriptions (
    state = 'State',
    pass = 'Pass of the pull that shows it',
    is_live = 'True while something is still owed'
  ),
  audits (
    unique_values(columns := (
      state
    ))
  )
)
