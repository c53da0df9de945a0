AUDIT (
    name control_is_zero
);

SELECT
    month,
    currency,
    control
FROM @this_model
WHERE
    control <> 0
