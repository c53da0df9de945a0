MODEL (
  name staging.seed_label_statuses,
  kind SEED (
    path '../../seeds/label_statuses.csv'
  ),
  description 'One row per label status that Loop or a carrier is known to use: how far the parcel is.',
  grain label_status,
  columns (
    label_status TEXT,
    stage INT,
    is_failure BOOLEAN
  ),
  column_descriptions (
    label_status = 'Status as Loop writes it',
    stage = '0 no label, 1 made, 2 announced, 3 on the way, 4 out for delivery, 5 delivered, 6 failed',
    is_failure = 'True when the carrier gave up'
  ),
  audits (
    unique_values(columns := (
      label_status
    ))
  )
)
