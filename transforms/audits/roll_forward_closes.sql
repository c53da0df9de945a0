AUDIT (
    name roll_forward_closes
);

SELECT
    month,
    currency,
    component,
    control,
    control_returns
FROM @this_model
WHERE
    control <> 0 OR control_returns <> 0
