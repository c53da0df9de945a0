MODEL (
    name staging.stg_ext_shopify_gift_cards,
    kind FULL,
    description 'One row per Shopify gift card.',
    grain gift_card_id,
    column_descriptions (
        gift_card_id = 'Shopify''s id of the card; never its code',
        initial_value = 'Value when it was made',
        balance = 'Value that is left',
        currency = 'Currency of the amounts, ISO 4217',
        created_at = 'When it was made',
        updated_at = 'When it last changed',
        expires_on = 'Last day',
        disabled_at = 'When it was disabled; empty when it was not',
        api_client_id = 'App that made it; Loop''s is 1662707',
        is_noted_by_loop = 'True when the note says that Loop made it; empty without a note',
        loop_return_id = 'Loop''s id of the return, out of the note',
        order_name = 'Order that was returned, out of the note',
        note_amount = 'Amount that the note states',
        bonus_amount = 'Bonus that the note states',
        read_from = 'File or table that the row was read from',
        read_row = 'Row in it, from 1, the header not counted'
    ),
    audits (
        not_null(columns := (gift_card_id, initial_value, currency, created_at)),
        unique_values(columns := (
            gift_card_id
        ))
    )
);

WITH rows_of AS (
    SELECT
        *
    FROM ext.shopify_gift_cards
), final AS (
    SELECT
        CAST(rows_of.gift_card_id AS TEXT) AS gift_card_id,
        CAST(rows_of.initial_value AS DECIMAL(18, 4)) AS initial_value,
        CAST(rows_of.balance AS DECIMAL(18, 4)) AS balance,
        CAST(rows_of.currency AS TEXT) AS currency,
        CAST(rows_of.created_at AS TIMESTAMPTZ) AS created_at,
        CAST(rows_of.updated_at AS TIMESTAMPTZ) AS updated_at,
        CAST(rows_of.expires_on AS DATE) AS expires_on,
        CAST(rows_of.disabled_at AS TIMESTAMPTZ) AS disabled_at,
        CAST(rows_of.api_client_id AS TEXT) AS api_client_id,
        CAST(rows_of.is_noted_by_loop AS BOOLEAN) AS is_noted_by_loop,
        CAST(rows_of.loop_return_id AS TEXT) AS loop_return_id,
        CAST(rows_of.order_name AS TEXT) AS order_name,
        CAST(rows_of.note_amount AS DECIMAL(18, 4)) AS note_amount,
        CAST(rows_of.bonus_amount AS DECIMAL(18, 4)) AS bonus_amount,
        CAST(rows_of.read_from AS TEXT) AS read_from,
        CAST(rows_of.read_row AS BIGINT) AS read_row
    FROM rows_of
)
SELECT
    *
FROM final
