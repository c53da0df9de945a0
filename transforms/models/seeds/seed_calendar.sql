MODEL (
  name staging.seed_calendar,
  kind SEED (
    path '../../seeds/calendar.csv'
  ),
  description 'One row per day and warehouse that is not as the week says: a holiday, or a Saturday at work. Business days count by it.',
  grain (date, destination),
  columns (
    date TEXT,
    destination TEXT,
    working BOOLEAN
  ),
  column_descriptions (
    date = 'The day, as 2026-12-25',
    destination = 'Loop''s id of the warehouse; empty: all of them',
    working = 'True when people work on it, false when not'
  ),
  audits (
    not_null(columns := (date, working))
  )
)
