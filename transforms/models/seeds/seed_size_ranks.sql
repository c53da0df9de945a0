MODEL (
  name staging.seed_size_ranks,
  kind SEED (
    path '../../seeds/size_ranks.csv'
  ),
  description 'One row per size that is written in letters: its place from small to large. Sizes in numbers need none.',
  grain size,
  columns (
    size TEXT,
    rank INT
  ),
  column_descriptions (size = 'Size in lower case', rank = 'Place, the smallest first'),
  audits (
    unique_values(columns := (
      size
    ))
  )
)
