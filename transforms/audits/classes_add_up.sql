AUDIT (
    name classes_add_up
);

SELECT
    mart,
    currency,
    residual_rows,
    residual_amount
FROM @this_model
WHERE
    residual_rows <> 0 OR residual_amount <> 0
