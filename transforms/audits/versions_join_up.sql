AUDIT (
    name versions_join_up
);

SELECT
    return_id,
    version_no
FROM @this_model
WHERE
    valid_to < valid_from
