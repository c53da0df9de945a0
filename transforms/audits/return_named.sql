AUDIT (
    name return_named
);

SELECT
    entity,
    match_class
FROM @this_model
WHERE
    return_id IS NULL AND NOT entity LIKE 'asn_line:%'
