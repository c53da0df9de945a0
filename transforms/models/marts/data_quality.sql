MODEL (
    name marts.data_quality,
    kind FULL,
    description 'One row per check and subject: can the marts be trusted, and if not, why?',
    grain (check_id, subject),
    column_descriptions (
        check_id = 'Check',
        subject = 'What was checked: a value, a column, a source or a pass; all when a check of single rows found nothing',
        result = 'ok, notice, warn or block; block means: act on nothing',
        finding_count = 'Rows, days or versions that are not as they should be',
        share = 'Measured share or, for freshness, hours since the end of the last window that was read, or since the newest row of an extract; null where none is measured',
        evidence = 'What was seen',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (check_id, subject)),
        unique_combination_of_columns(columns := (check_id, subject)),
        accepted_values("column" := result, is_in := ('ok', 'notice', 'warn', 'block'))
    )
);

WITH findings AS (
    SELECT
        *
    FROM marts.data_quality_findings
), checks AS (
    SELECT
        *
    FROM staging.seed_checks
), coverage AS (
    SELECT
        *
    FROM marts.recon_coverage
), endpoint AS (
    SELECT
        *
    FROM marts.recon_endpoint
), returns AS (
    SELECT
        *
    FROM staging.stg_returns
), return_lines AS (
    SELECT
        *
    FROM staging.stg_return_lines
), shipping_notices AS (
    SELECT
        *
    FROM staging.stg_shipping_notices
), notice_returns AS (
    SELECT
        *
    FROM staging.stg_notice_returns
), pull_windows AS (
    SELECT
        *
    FROM staging.stg_pull_windows
), webhook_returns AS (
    SELECT
        *
    FROM staging.stg_webhook_returns
), pull_passes AS (
    SELECT
        *
    FROM staging.seed_pull_passes
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
    WHERE
        is_present
), subjects AS (
    SELECT
        findings.check_id,
        CASE
            WHEN findings.check_id IN ('unknown_state', 'unknown_label_status', 'unknown_currency', 'outcome_disagrees')
            THEN findings.value
            ELSE findings.source || '.' || findings.field
        END AS subject,
        findings.entity
    FROM findings
), row_checks AS (
    SELECT
        checks.check_id,
        COALESCE(subjects.subject, 'all') AS subject,
        COUNT(subjects.entity) AS finding_count,
        CAST(NULL AS DECIMAL(18, 4)) AS share,
        CASE WHEN COUNT(subjects.entity) = 0 THEN 'ok' ELSE MAX(checks.result) END AS result,
        CASE
            WHEN COUNT(subjects.entity) = 0
            THEN 'none found'
            ELSE MAX(checks.says) || ', first in ' || MIN(subjects.entity)
        END AS evidence
    FROM checks
    LEFT JOIN subjects
        ON subjects.check_id = checks.check_id
    GROUP BY
        checks.check_id,
        COALESCE(subjects.subject, 'all')
), null_rates AS (
    SELECT
        'null_rate' AS check_id,
        'returns.state' AS subject,
        SUM(CASE WHEN returns.state IS NULL THEN 1 ELSE 0 END) AS finding_count,
        SUM(CASE WHEN returns.state IS NULL THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS share,
        'warn' AS result_if_any,
        '' AS evidence
    FROM returns
    UNION ALL
    SELECT
        'null_rate' AS check_id,
        'returns.outcome' AS subject,
        SUM(CASE WHEN returns.outcome IS NULL THEN 1 ELSE 0 END) AS finding_count,
        SUM(CASE WHEN returns.outcome IS NULL THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS share,
        'warn' AS result_if_any,
        '' AS evidence
    FROM returns
    UNION ALL
    SELECT
        'null_rate' AS check_id,
        'returns.created_at' AS subject,
        SUM(CASE WHEN returns.created_at IS NULL THEN 1 ELSE 0 END) AS finding_count,
        SUM(CASE WHEN returns.created_at IS NULL THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS share,
        'warn' AS result_if_any,
        '' AS evidence
    FROM returns
    UNION ALL
    SELECT
        'null_rate' AS check_id,
        'returns.updated_at' AS subject,
        SUM(CASE WHEN returns.updated_at IS NULL THEN 1 ELSE 0 END) AS finding_count,
        SUM(CASE WHEN returns.updated_at IS NULL THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS share,
        'warn' AS result_if_any,
        '' AS evidence
    FROM returns
    UNION ALL
    SELECT
        'null_rate' AS check_id,
        'returns.currency' AS subject,
        SUM(CASE WHEN returns.currency IS NULL THEN 1 ELSE 0 END) AS finding_count,
        SUM(CASE WHEN returns.currency IS NULL THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS share,
        'warn' AS result_if_any,
        '' AS evidence
    FROM returns
    UNION ALL
    SELECT
        'null_rate' AS check_id,
        'returns.return_total' AS subject,
        SUM(CASE WHEN returns.return_total IS NULL THEN 1 ELSE 0 END) AS finding_count,
        SUM(CASE WHEN returns.return_total IS NULL THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS share,
        'warn' AS result_if_any,
        '' AS evidence
    FROM returns
), holes AS (
    SELECT
        'coverage_hole' AS check_id,
        pull_passes.endpoint || '/' || pull_passes.pass AS subject,
        SUM(CASE WHEN coverage.match_class <> 'covered' THEN 1 ELSE 0 END) AS finding_count,
        AVG(coverage.covered_share) AS share,
        CASE
            WHEN COUNT(coverage.day) = 0
            THEN 'block'
            WHEN SUM(CASE WHEN coverage.match_class <> 'covered' THEN 1 ELSE 0 END) = 0
            THEN 'ok'
            WHEN pull_passes.endpoint = 'returns'
            THEN 'block'
            ELSE 'warn'
        END AS result,
        CASE
            WHEN COUNT(coverage.day) = 0
            THEN 'never pulled'
            ELSE COALESCE(
                'first hole ' || CAST(MIN(CASE WHEN coverage.match_class <> 'covered' THEN coverage.day END) AS TEXT),
                'every day is covered'
            )
        END AS evidence
    FROM pull_passes
    LEFT JOIN coverage
        ON coverage.endpoint = pull_passes.endpoint AND coverage.pass = pull_passes.pass
    GROUP BY
        pull_passes.endpoint,
        pull_passes.pass
), last_reads AS (
    SELECT
        pull_passes.endpoint,
        pull_passes.pass,
        MAX(CASE WHEN pull_windows.is_complete THEN pull_windows.window_to END) AS read_until
    FROM pull_passes
    LEFT JOIN pull_windows
        ON pull_windows.endpoint = pull_passes.endpoint AND pull_windows.pass = pull_passes.pass
    GROUP BY
        pull_passes.endpoint,
        pull_passes.pass
), ages AS (
    SELECT
        last_reads.endpoint || '/' || last_reads.pass AS subject,
        last_reads.read_until,
        @seconds_between(last_reads.read_until, CAST(@execution_ts AS TIMESTAMPTZ)) / 3600.0 AS hours
    FROM last_reads
), freshness AS (
    SELECT
        'freshness' AS check_id,
        ages.subject,
        CASE WHEN ages.hours <= @freshness_warn_hours THEN 0 ELSE 1 END AS finding_count,
        ages.hours AS share,
        CASE
            WHEN ages.hours <= @freshness_warn_hours
            THEN 'ok'
            WHEN ages.hours <= @freshness_block_hours
            THEN 'warn'
            ELSE 'block'
        END AS result,
        COALESCE('read until ' || CAST(CAST(ages.read_until AT TIME ZONE 'UTC' AS DATE) AS TEXT), 'never read') AS evidence
    FROM ages
), missing_rate AS (
    SELECT
        'missing_rate' AS check_id,
        'missing_in_list' AS subject,
        SUM(CASE WHEN endpoint.match_class = 'missing_in_list' THEN 1 ELSE 0 END) AS finding_count,
        COALESCE(AVG(CASE WHEN endpoint.match_class = 'missing_in_list' THEN 1.0 ELSE 0.0 END), 0) AS share,
        CASE
            WHEN COALESCE(AVG(CASE WHEN endpoint.match_class = 'missing_in_list' THEN 1.0 ELSE 0.0 END), 0) > 0.005
            THEN 'block'
            ELSE 'ok'
        END AS result,
        'share of all returns that only the notices show; above 0.005 nothing may be acted on' AS evidence
    FROM endpoint
), webhook_loss AS (
    SELECT
        'webhook_loss' AS check_id,
        'all' AS subject,
        SUM(CASE WHEN webhook_returns.is_missing THEN 1 ELSE 0 END) AS finding_count,
        AVG(CASE WHEN webhook_returns.is_missing THEN 1.0 ELSE 0.0 END) AS share,
        CASE
            WHEN AVG(CASE WHEN webhook_returns.is_missing THEN 1.0 ELSE 0.0 END) > 0.02
            THEN 'warn'
            ELSE 'ok'
        END AS result,
        'share of the returns of the last 7 days that no webhook told of; the poll read them all' AS evidence
    FROM webhook_returns
    WHERE
        NOT webhook_returns.is_awaited
        AND webhook_returns.expected_since > CAST(@execution_ts AS TIMESTAMPTZ) - INTERVAL '7' DAY
    HAVING
        COUNT(*) > 0
), line_facts AS (
    SELECT
        return_lines.line_item_id,
        MIN(return_lines.price) AS price,
        MIN(returns.outcome) AS outcome
    FROM return_lines
    INNER JOIN returns
        ON returns.return_id = return_lines.return_id
    GROUP BY
        return_lines.line_item_id
), agreements AS (
    SELECT
        AVG(CASE WHEN shipping_notices.purchase_price = line_facts.price THEN 1.0 ELSE 0.0 END) AS price_share,
        AVG(CASE WHEN shipping_notices.outcome = line_facts.outcome THEN 1.0 ELSE 0.0 END) AS outcome_share
    FROM shipping_notices
    INNER JOIN line_facts
        ON line_facts.line_item_id = shipping_notices.line_item_id
), hypotheses AS (
    SELECT
        'asn_id' AS subject,
        MAX(notice_returns.id_share) AS share,
        'notice id = return id' AS evidence
    FROM notice_returns
    UNION ALL
    SELECT
        'purchase_price' AS subject,
        agreements.price_share AS share,
        'notice price = line price' AS evidence
    FROM agreements
    UNION ALL
    SELECT
        'outcome' AS subject,
        agreements.outcome_share AS share,
        'notice outcome = list outcome' AS evidence
    FROM agreements
), shares AS (
    SELECT
        'asn_hypothesis' AS check_id,
        hypotheses.subject,
        CASE WHEN hypotheses.share < 0.99 THEN 1 ELSE 0 END AS finding_count,
        hypotheses.share,
        CASE WHEN hypotheses.share < 0.99 THEN 'notice' ELSE 'ok' END AS result,
        hypotheses.evidence
    FROM hypotheses
), versions AS (
    SELECT
        returns.api_version
    FROM returns
    WHERE
        NOT returns.api_version IS NULL
    UNION ALL
    SELECT
        shipping_notices.api_version
    FROM shipping_notices
    WHERE
        NOT shipping_notices.api_version IS NULL
), version_mix AS (
    SELECT
        'api_version_mix' AS check_id,
        'all' AS subject,
        COUNT(DISTINCT versions.api_version) AS finding_count,
        CAST(NULL AS DECIMAL(18, 4)) AS share,
        CASE WHEN COUNT(DISTINCT versions.api_version) > 1 THEN 'notice' ELSE 'ok' END AS result,
        'from ' || COALESCE(MIN(versions.api_version), '-') || ' to ' || COALESCE(MAX(versions.api_version), '-') AS evidence
    FROM versions
), extract_rejects AS (
    SELECT
        'extract_rejects' AS check_id,
        extracts.name AS subject,
        extracts.rejected AS finding_count,
        CASE
            WHEN extracts.rows + extracts.rejected = 0
            THEN 0
            ELSE extracts.rejected * 1.0 / (
                extracts.rows + extracts.rejected
            )
        END AS share,
        CASE WHEN extracts.rejected > 0 THEN 'warn' ELSE 'ok' END AS result,
        CASE
            WHEN extracts.rejected > 0
            THEN 'rows that were not taken, see ext.rejects'
            ELSE 'every row was taken'
        END AS evidence
    FROM extracts
), extract_freshness AS (
    SELECT
        'extract_freshness' AS check_id,
        extracts.name AS subject,
        CASE
            WHEN extracts.newest_at >= CAST(@execution_ts AS TIMESTAMPTZ) - @freshness_block_hours * INTERVAL '1' HOUR
            THEN 0
            ELSE 1
        END AS finding_count,
        @seconds_between(extracts.newest_at, CAST(@execution_ts AS TIMESTAMPTZ)) / 3600.0 AS share,
        CASE
            WHEN extracts.newest_at >= CAST(@execution_ts AS TIMESTAMPTZ) - @freshness_block_hours * INTERVAL '1' HOUR
            THEN 'ok'
            ELSE 'notice'
        END AS result,
        COALESCE('newest row ' || CAST(CAST(extracts.newest_at AT TIME ZONE 'UTC' AS DATE) AS TEXT), 'no row') AS evidence
    FROM extracts
), judged AS (
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM row_checks
    UNION ALL
    SELECT
        check_id,
        subject,
        COALESCE(finding_count, 0) AS finding_count,
        share,
        CASE WHEN finding_count > 0 THEN result_if_any ELSE 'ok' END AS result,
        evidence
    FROM null_rates
    UNION ALL
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM holes
    UNION ALL
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM freshness
    UNION ALL
    SELECT
        check_id,
        subject,
        COALESCE(finding_count, 0) AS finding_count,
        share,
        result,
        evidence
    FROM missing_rate
    UNION ALL
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM webhook_loss
    UNION ALL
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM shares
    UNION ALL
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM version_mix
    UNION ALL
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM extract_rejects
    UNION ALL
    SELECT
        check_id,
        subject,
        finding_count,
        share,
        result,
        evidence
    FROM extract_freshness
), final AS (
    SELECT
        CAST(judged.check_id AS TEXT) AS check_id,
        CAST(judged.subject AS TEXT) AS subject,
        CAST(judged.result AS TEXT) AS result,
        CAST(judged.finding_count AS BIGINT) AS finding_count,
        CAST(judged.share AS DECIMAL(18, 4)) AS share,
        CAST(judged.evidence AS TEXT) AS evidence,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM judged
)
SELECT
    *
FROM final
