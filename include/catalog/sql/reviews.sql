-- One row a review: its text, and how its customer felt, as the shop or else its annotators say; null while nobody did.
SELECT
    r.id AS review_id,
    r.product_id,
    r.customer_id,
    r.body,
    r.stars,
    r.written_at,
    CASE WHEN r.sentiment IS NULL THEN l.origin ELSE 'shop' END AS labelled_by,
    CASE WHEN r.sentiment IS NULL THEN l.confidence END AS confidence,
    coalesce(r.sentiment, l.label) AS sentiment
FROM {{ source('shop', 'reviews') }} AS r
LEFT JOIN {{ labels('reviews') }} AS l ON l.key = r.id::text
