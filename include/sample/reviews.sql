-- The shop's reviews: most of them nobody has read yet, so they have no sentiment.
CREATE TABLE reviews (
    id bigint PRIMARY KEY,
    product_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    body text,
    stars integer,
    sentiment text,
    written_at timestamptz NOT NULL
);

-- What each customer meant. Only simulated annotators, and who grades them, may know.
CREATE TABLE simulation.opinions (
    review_id bigint PRIMARY KEY REFERENCES reviews,
    sentiment text NOT NULL
);
