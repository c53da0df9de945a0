MODEL (
    name marts.recon_store_credit,
    kind FULL,
    description 'One row per return that promises store credit, and one per gift card that Loop made at Shopify: was it issued, once, with the right value?',
    grain entity,
    column_descriptions (
        entity = 'What the row is about: return:<id> or card:<Shopify''s id>',
        return_id = 'Loop''s id of the return; of a card, the known return that its note names',
        gift_card_id = 'Shopify''s id of the card; of a return, its first one',
        match_class = 'matched; not_due_yet: open, no card; timing: within grace, or younger than the extract; missing_card; amount_break; duplicate_card: two or more that can be spent; card_on_dead_return; card_disabled: every card of it is; card_without_return: no promise explains it; attributed: a card that is judged at its return; not_comparable: another currency, or a disabled card of no return; unverifiable: no extract, none of that time, or a note that names no return',
        severity = '2 for a break: money wrong; null: no break',
        amount = 'Of a return: store credit that Loop promises; of a card: its value when it was made',
        difference = 'Promised, with the bonus where it is on top, less issued: negative when too much was issued',
        currency = 'Of a return: shop currency; of a card: its own; ISO 4217',
        state = 'State of the return',
        issued = 'Value of the cards that can be spent, in that currency',
        card_count = 'Cards that can be spent',
        bonus_amount = 'Bonus that their notes state',
        amount_form = 'Which form of the promise holds: exact, or with_bonus: the bonus of the note comes on top; null when neither does. It tells something where bonus_amount is not 0',
        due_at = 'When the credit was due, UTC: carried out by Loop''s word, else closed',
        issued_at = 'When the first card was made, UTC',
        root_cause = 'Cause from the closed list of causes',
        as_of = 'The build''s one present, UTC'
    ),
    audits (
        not_null(columns := (entity, match_class, amount)),
        unique_values(columns := (
            entity
        )),
        accepted_values(
            "column" := match_class,
            is_in := (
                'matched',
                'not_due_yet',
                'timing',
                'missing_card',
                'amount_break',
                'duplicate_card',
                'card_on_dead_return',
                'card_disabled',
                'card_without_return',
                'attributed',
                'not_comparable',
                'unverifiable'
            )
        )
    )
);

WITH returns AS (
    SELECT
        *
    FROM staging.stg_returns
), receipts AS (
    SELECT
        *
    FROM marts.recon_receipt
), currencies AS (
    SELECT
        *
    FROM staging.seed_currencies
), cards AS (
    SELECT
        *
    FROM staging.stg_loop_gift_cards
), all_cards AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_gift_cards
), extracts AS (
    SELECT
        *
    FROM staging.stg_extracts
), feed AS (
    SELECT
        BOOL_OR(CAST(extracts.is_present AS BOOLEAN)) AS is_present,
        MAX(extracts.newest_at) AS newest_at
    FROM extracts
    WHERE
        extracts.name = 'shopify_gift_cards'
), feed_facts AS (
    /* When no note names a return, it is written in a way that we cannot read: nothing is judged by it. */
    SELECT
        MIN(all_cards.created_at) AS oldest_at,
        COUNT(all_cards.loop_return_id) > 0
        OR COUNT(CASE WHEN COALESCE(all_cards.api_client_id = '1662707', all_cards.is_noted_by_loop, TRUE) THEN 1 END) = 0 AS is_readable
    FROM all_cards
), read_from AS (
    SELECT
        MIN(returns.updated_at) AS oldest_at
    FROM returns
), promised AS (
    SELECT
        returns.return_id,
        returns.currency,
        returns.state,
        returns.gift_card,
        returns.edited_at,
        COALESCE(returns.handling_fee, 0) AS handling_fee,
        COALESCE(returns.gift_card_order_name LIKE 'LGC-%', FALSE) AS is_made_by_order,
        NOT returns.gift_card_processed_at IS NULL OR COALESCE(returns.state = 'closed', FALSE) AS is_due,
        returns.gift_card_processed_at IS NULL AND COALESCE(returns.state IN ('cancelled', 'expired'), FALSE) AS is_dead,
        COALESCE(returns.gift_card_processed_at, receipts.closed_at) AS due_at,
        @tolerance_minor_units * COALESCE(currencies.minor_unit, 0.01) AS tolerance
    FROM returns
    LEFT JOIN receipts
        ON receipts.return_id = returns.return_id
    LEFT JOIN currencies
        ON currencies.currency = returns.currency
    WHERE
        returns.gift_card > 0
), cards_of AS (
    SELECT
        cards.*,
        cards.currency = promised.currency AS is_comparable
    FROM cards
    INNER JOIN promised
        ON promised.return_id = cards.return_id
), issued AS (
    SELECT
        cards_of.return_id,
        @earliest(cards_of.gift_card_id, cards_of.created_at) AS gift_card_id,
        MIN(cards_of.created_at) AS issued_at,
        COUNT(CASE WHEN NOT cards_of.is_disabled AND cards_of.is_comparable THEN 1 END) AS card_count,
        COUNT(CASE WHEN NOT cards_of.is_disabled AND NOT cards_of.is_comparable THEN 1 END) AS foreign_count,
        SUM(CASE WHEN NOT cards_of.is_disabled AND cards_of.is_comparable THEN cards_of.initial_value ELSE 0 END) AS issued,
        SUM(CASE WHEN NOT cards_of.is_disabled AND cards_of.is_comparable THEN cards_of.bonus_amount ELSE 0 END) AS bonus_amount
    FROM cards_of
    GROUP BY
        cards_of.return_id
), compared AS (
    SELECT
        promised.*,
        CASE WHEN promised.is_dead THEN 0 ELSE promised.gift_card END AS due,
        NOT issued.return_id IS NULL AS has_card,
        issued.gift_card_id,
        issued.issued_at,
        COALESCE(issued.card_count, 0) AS card_count,
        COALESCE(issued.foreign_count, 0) AS foreign_count,
        COALESCE(issued.issued, 0) AS issued,
        COALESCE(issued.bonus_amount, 0) AS bonus_amount,
        CASE
            WHEN COALESCE(issued.card_count, 0) = 0 OR promised.is_dead
            THEN NULL
            WHEN ABS(issued.issued - promised.gift_card) <= promised.tolerance
            THEN 'exact'
            WHEN issued.bonus_amount > 0
            AND ABS(issued.issued - issued.bonus_amount - promised.gift_card) <= promised.tolerance
            THEN 'with_bonus'
        END AS amount_form
    FROM promised
    LEFT JOIN issued
        ON issued.return_id = promised.return_id
), judged AS (
    SELECT
        'return:' || compared.return_id AS entity,
        compared.return_id,
        compared.gift_card_id,
        CASE
            WHEN NOT COALESCE(feed.is_present, FALSE) OR NOT feed_facts.is_readable
            THEN 'unverifiable'
            WHEN compared.is_dead
            THEN CASE WHEN compared.card_count + compared.foreign_count > 0 THEN 'card_on_dead_return' ELSE 'matched' END
            WHEN compared.card_count + compared.foreign_count > 1
            THEN 'duplicate_card'
            WHEN compared.foreign_count > 0
            THEN 'not_comparable'
            WHEN NOT compared.amount_form IS NULL
            THEN 'matched'
            WHEN compared.card_count = 1
            THEN 'amount_break'
            WHEN NOT compared.is_due
            THEN 'not_due_yet'
            WHEN compared.has_card
            THEN 'card_disabled'
            WHEN compared.is_made_by_order
            THEN 'unverifiable'
            WHEN compared.due_at >= LEAST(CAST(@execution_ts AS TIMESTAMPTZ) - @grace_hours_gift_card * INTERVAL '1' HOUR, feed.newest_at)
            THEN 'timing'
            WHEN COALESCE(compared.due_at < feed_facts.oldest_at, TRUE)
            THEN 'unverifiable'
            ELSE 'missing_card'
        END AS match_class,
        compared.gift_card AS amount,
        compared.currency,
        compared.state,
        compared.due + CASE WHEN compared.amount_form = 'with_bonus' THEN compared.bonus_amount ELSE 0 END AS due,
        compared.issued,
        compared.card_count,
        compared.bonus_amount,
        compared.amount_form,
        compared.due_at,
        compared.issued_at,
        compared.edited_at,
        compared.handling_fee,
        compared.tolerance
    FROM compared
    CROSS JOIN feed
    CROSS JOIN feed_facts
), cards_judged AS (
    SELECT
        'card:' || cards.gift_card_id AS entity,
        returns.return_id,
        cards.gift_card_id,
        CASE
            WHEN NOT promised.return_id IS NULL
            THEN 'attributed'
            WHEN cards.return_id IS NULL OR cards.created_at < read_from.oldest_at
            THEN 'unverifiable'
            WHEN cards.is_disabled
            THEN 'not_comparable'
            WHEN returns.state IN ('cancelled', 'expired')
            THEN 'card_on_dead_return'
            ELSE 'card_without_return'
        END AS match_class,
        cards.initial_value AS amount,
        cards.currency,
        returns.state,
        0 AS due,
        CASE WHEN cards.is_disabled THEN 0 ELSE cards.initial_value END AS issued,
        CASE WHEN cards.is_disabled THEN 0 ELSE 1 END AS card_count,
        cards.bonus_amount,
        CAST(NULL AS TEXT) AS amount_form,
        CAST(NULL AS TIMESTAMPTZ) AS due_at,
        cards.created_at AS issued_at,
        CAST(NULL AS TIMESTAMPTZ) AS edited_at,
        0 AS handling_fee,
        0 AS tolerance
    FROM cards
    LEFT JOIN promised
        ON promised.return_id = cards.return_id
    LEFT JOIN returns
        ON returns.return_id = cards.return_id
    CROSS JOIN read_from
), classified AS (
    SELECT
        *
    FROM judged
    UNION ALL
    SELECT
        *
    FROM cards_judged
), final AS (
    SELECT
        CAST(classified.entity AS TEXT) AS entity,
        CAST(classified.return_id AS TEXT) AS return_id,
        CAST(classified.gift_card_id AS TEXT) AS gift_card_id,
        CAST(classified.match_class AS TEXT) AS match_class,
        CAST(CASE
            WHEN classified.match_class IN (
                'missing_card',
                'amount_break',
                'duplicate_card',
                'card_on_dead_return',
                'card_disabled',
                'card_without_return'
            )
            THEN 2
        END AS INT) AS severity,
        CAST(classified.amount AS DECIMAL(18, 4)) AS amount,
        CAST(CASE
            WHEN NOT classified.match_class IN ('attributed', 'not_due_yet', 'not_comparable', 'unverifiable')
            THEN classified.due - classified.issued
        END AS DECIMAL(18, 4)) AS difference,
        CAST(classified.currency AS TEXT) AS currency,
        CAST(classified.state AS TEXT) AS state,
        CAST(classified.issued AS DECIMAL(18, 4)) AS issued,
        CAST(classified.card_count AS BIGINT) AS card_count,
        CAST(classified.bonus_amount AS DECIMAL(18, 4)) AS bonus_amount,
        CAST(classified.amount_form AS TEXT) AS amount_form,
        CAST(classified.due_at AS TIMESTAMPTZ) AS due_at,
        CAST(classified.issued_at AS TIMESTAMPTZ) AS issued_at,
        CAST(CASE
            WHEN classified.match_class IN ('matched', 'not_due_yet', 'attributed', 'unverifiable')
            THEN NULL
            WHEN classified.match_class = 'timing'
            THEN 'timing'
            WHEN classified.match_class = 'not_comparable'
            THEN CASE WHEN NOT classified.return_id IS NULL AND classified.entity LIKE 'return:%' THEN 'currency' END
            WHEN classified.match_class = 'amount_break'
            AND classified.bonus_amount > 0
            AND ABS(ABS(classified.due - classified.issued) - classified.bonus_amount) <= classified.tolerance
            THEN 'bonus_or_prediscount'
            WHEN classified.match_class = 'amount_break'
            AND classified.handling_fee > 0
            AND ABS(ABS(classified.due - classified.issued) - classified.handling_fee) <= classified.tolerance
            THEN 'fee_basis'
            WHEN classified.match_class = 'amount_break' AND classified.edited_at > classified.issued_at
            THEN 'edited_after'
            ELSE 'unknown'
        END AS TEXT) AS root_cause,
        CAST(CAST(@execution_ts AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS as_of
    FROM classified
)
SELECT
    *
FROM final
