-- One row a payment: what was known when it was made, and whether a chargeback followed.
WITH payments AS (
    SELECT
        id,
        order_id,
        customer_id,
        reference,
        card_holder,
        amount,
        installments,
        method,
        device,
        ip_country,
        captured_at
    FROM {{ source('shop', 'payments') }} AS p
),

habits AS (
    SELECT
        id,
        count(*) OVER (
            PARTITION BY customer_id ORDER BY captured_at
            RANGE BETWEEN interval '1 hour' PRECEDING AND CURRENT ROW
        ) AS payments_last_hour,
        -- Over amounts that can be: one impossible payment must not spoil the customer's later ones.
        avg(amount) FILTER (WHERE amount > 0) OVER (
            PARTITION BY customer_id ORDER BY captured_at, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS usual_amount
    FROM payments
)

SELECT
    payments.id AS payment_id,
    payments.customer_id,
    payments.captured_at AS paid_at,
    payments.amount,
    extract(hour FROM payments.captured_at AT TIME ZONE 'UTC')::integer AS hour,
    round(extract(epoch FROM payments.captured_at - customers.signed_up_at) / 86400, 2) AS account_age_days,
    habits.payments_last_hour,
    -- Null for a customer's first payment: there is no habit yet.
    round(payments.amount / habits.usual_amount, 4) AS amount_to_usual,
    payments.installments,
    payments.method,
    payments.device,
    CASE payments.ip_country = customers.country WHEN TRUE THEN 'no' WHEN FALSE THEN 'yes' END AS abroad,
    payments.reference,
    orders.total AS order_total,
    payments.card_holder,
    customers.signed_up_at AS customer_since,
    (payments.id IN (SELECT payment_id FROM {{ source('shop', 'chargebacks') }} AS c))::integer AS is_fraud
FROM payments
JOIN habits ON habits.id = payments.id
LEFT JOIN {{ source('shop', 'orders') }} AS orders ON orders.id = payments.order_id
LEFT JOIN {{ source('shop', 'customers') }} AS customers ON customers.id = payments.customer_id
