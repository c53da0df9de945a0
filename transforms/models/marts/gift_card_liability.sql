MODEL (
    name marts.gift_card_liability,
    kind FULL,
    description 'One row per month of issue and currency: the store credit that Loop issued as gift cards, what was spent of it, and what is still owed. It closes exactly, or the build fails.',
    grain (month, currency),
    column_descriptions (
        month = 'First day of the month in which the cards were made, UTC',
        currency = 'Currency of the cards, ISO 4217',
        match_class = 'closes; residual when the parts do not add up to what was issued',
        cards = 'Cards made in the month',
        issued = 'Their value when they were made',
        topped_up = 'Of cards that hold more than they were made with: what came on top',
        redeemed = 'What was spent of them',
        balance = 'What is left on cards that can be spent: owed',
        expired_balance = 'What is left on cards whose last day is over',
        disabled_balance = 'What is left on cards that were disabled',
        unknown_balance = 'Value of cards of which the export says no balance',
        untouched_cards = 'Cards that can be spent, of which nothing was, older than [ageing] untouched_card_days',
        untouched_amount = 'Their value, a part of balance: candidates for breakage. What is booked is the accountant''s decision',
        control = 'Issued and topped up, minus all parts; must be 0',
        amount = 'The same as issued',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (month, currency, issued, control)),
        unique_combination_of_columns(columns := (month, currency)),
        control_is_zero()
    )
);

WITH cards AS (
    SELECT
        *
    FROM staging.stg_loop_gift_cards
), dated AS (
    SELECT
        cards.*,
        CAST(DATE_TRUNC('MONTH', cards.created_at AT TIME ZONE 'UTC') AS DATE) AS month,
        COALESCE(cards.expires_on < CAST(CAST(@execution_ts AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE), FALSE) AS is_expired
    FROM cards
), parted AS (
    SELECT
        dated.month,
        dated.currency,
        'redeemed' AS part,
        GREATEST(dated.initial_value - dated.balance, 0) AS amount
    FROM dated
    UNION ALL
    SELECT
        dated.month,
        dated.currency,
        'topped_up' AS part,
        GREATEST(dated.balance - dated.initial_value, 0) AS amount
    FROM dated
    UNION ALL
    SELECT
        dated.month,
        dated.currency,
        CASE
            WHEN dated.balance IS NULL
            THEN 'unknown'
            WHEN dated.is_disabled
            THEN 'disabled'
            WHEN dated.is_expired
            THEN 'expired'
            ELSE 'balance'
        END AS part,
        COALESCE(dated.balance, dated.initial_value) AS amount
    FROM dated
    UNION ALL
    SELECT
        dated.month,
        dated.currency,
        'untouched' AS part,
        dated.balance AS amount
    FROM dated
    WHERE
        NOT dated.is_disabled
        AND NOT dated.is_expired
        AND dated.balance = dated.initial_value
        AND dated.created_at < CAST(@execution_ts AS TIMESTAMPTZ) - @ageing_untouched_card_days * INTERVAL '1' DAY
), parts AS (
    SELECT
        parted.month,
        parted.currency,
        SUM(CASE WHEN parted.part = 'redeemed' THEN parted.amount ELSE 0 END) AS redeemed,
        SUM(CASE WHEN parted.part = 'topped_up' THEN parted.amount ELSE 0 END) AS topped_up,
        SUM(CASE WHEN parted.part = 'balance' THEN parted.amount ELSE 0 END) AS balance,
        SUM(CASE WHEN parted.part = 'expired' THEN parted.amount ELSE 0 END) AS expired_balance,
        SUM(CASE WHEN parted.part = 'disabled' THEN parted.amount ELSE 0 END) AS disabled_balance,
        SUM(CASE WHEN parted.part = 'unknown' THEN parted.amount ELSE 0 END) AS unknown_balance,
        SUM(CASE WHEN parted.part = 'untouched' THEN parted.amount ELSE 0 END) AS untouched_amount,
        COUNT(CASE WHEN parted.part = 'untouched' THEN 1 END) AS untouched_cards
    FROM parted
    GROUP BY
        parted.month,
        parted.currency
), issued AS (
    SELECT
        dated.month,
        dated.currency,
        COUNT(*) AS cards,
        SUM(dated.initial_value) AS issued
    FROM dated
    GROUP BY
        dated.month,
        dated.currency
), controlled AS (
    SELECT
        issued.month,
        issued.currency,
        issued.cards,
        issued.issued,
        parts.topped_up,
        parts.redeemed,
        parts.balance,
        parts.expired_balance,
        parts.disabled_balance,
        parts.unknown_balance,
        parts.untouched_cards,
        parts.untouched_amount,
        issued.issued + parts.topped_up - parts.redeemed - parts.balance - parts.expired_balance - parts.disabled_balance - parts.unknown_balance AS control
    FROM issued
    INNER JOIN parts
        ON parts.month = issued.month AND parts.currency = issued.currency
), final AS (
    SELECT
        CAST(controlled.month AS DATE) AS month,
        CAST(controlled.currency AS TEXT) AS currency,
        CAST(CASE WHEN controlled.control = 0 THEN 'closes' ELSE 'residual' END AS TEXT) AS match_class,
        CAST(controlled.cards AS BIGINT) AS cards,
        CAST(controlled.issued AS DECIMAL(18, 4)) AS issued,
        CAST(controlled.topped_up AS DECIMAL(18, 4)) AS topped_up,
        CAST(controlled.redeemed AS DECIMAL(18, 4)) AS redeemed,
        CAST(controlled.balance AS DECIMAL(18, 4)) AS balance,
        CAST(controlled.expired_balance AS DECIMAL(18, 4)) AS expired_balance,
        CAST(controlled.disabled_balance AS DECIMAL(18, 4)) AS disabled_balance,
        CAST(controlled.unknown_balance AS DECIMAL(18, 4)) AS unknown_balance,
        CAST(controlled.untouched_cards AS BIGINT) AS untouched_cards,
        CAST(controlled.untouched_amount AS DECIMAL(18, 4)) AS untouched_amount,
        CAST(controlled.control AS DECIMAL(18, 4)) AS control,
        CAST(controlled.issued AS DECIMAL(18, 4)) AS amount,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM controlled
)
SELECT
    *
FROM final
