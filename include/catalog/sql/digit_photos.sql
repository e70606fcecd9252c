-- One row a photo of a hand-written digit, as the shop's site shows it.
SELECT
    pictures.path AS photo,
    pictures.product,
    pictures.image,
    pictures.width,
    pictures.height,
    pictures.label
FROM {{ source('shop_site', 'pictures') }} AS pictures
