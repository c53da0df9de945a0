AUDIT (
    name clearing_closes
);

SELECT
    currency,
    month,
    control
FROM @this_model
WHERE
    control <> 0
