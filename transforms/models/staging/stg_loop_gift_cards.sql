MODEL (
    name staging.stg_loop_gift_cards,
    kind FULL,
    description 'One row per Shopify gift card that Loop made: by its app, or by its note where the export names no app.',
    grain gift_card_id,
    column_descriptions (
        gift_card_id = 'Shopify''s id of the card; never its code',
        return_id = 'Loop''s id of the return, out of the note; null when it cannot be read there',
        initial_value = 'Value when it was made',
        balance = 'Value that is left; null when the export does not say',
        currency = 'Currency of the amounts, ISO 4217',
        created_at = 'When it was made, UTC',
        expires_on = 'Last day; null when it has none',
        is_disabled = 'True when it was disabled: it can no longer be spent',
        bonus_amount = 'Bonus that the note states, on top of or inside the promise; 0 when it states none'
    ),
    audits (
        not_null(columns := (gift_card_id, initial_value, currency, created_at, is_disabled)),
        unique_values(columns := (
            gift_card_id
        ))
    )
);

WITH cards AS (
    SELECT
        *
    FROM staging.stg_ext_shopify_gift_cards
), final AS (
    /* 1662707 is Loop's app at Shopify. Source: Loop's help centre, Store Credit Automation. */
    SELECT
        CAST(cards.gift_card_id AS TEXT) AS gift_card_id,
        CAST(cards.loop_return_id AS TEXT) AS return_id,
        CAST(cards.initial_value AS DECIMAL(18, 4)) AS initial_value,
        CAST(cards.balance AS DECIMAL(18, 4)) AS balance,
        CAST(cards.currency AS TEXT) AS currency,
        CAST(cards.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(cards.expires_on AS DATE) AS expires_on,
        CAST(NOT cards.disabled_at IS NULL AS BOOLEAN) AS is_disabled,
        CAST(COALESCE(cards.bonus_amount, 0) AS DECIMAL(18, 4)) AS bonus_amount
    FROM cards
    WHERE
        COALESCE(cards.api_client_id = '1662707', cards.is_noted_by_loop, FALSE)
)
SELECT
    *
FROM final
