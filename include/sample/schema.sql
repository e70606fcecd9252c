-- The sample shop's database. `public` is the shop and what is collected; `simulation` drives it and is not.

CREATE TABLE customers (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    country text NOT NULL,
    newsletter boolean NOT NULL,
    signed_up_at timestamptz NOT NULL
);

CREATE TABLE products (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL,
    price numeric(10, 2) NOT NULL,
    description text NOT NULL,
    attributes jsonb NOT NULL
);
-- Long descriptions go out of line, so a change of price is replicated without them.
ALTER TABLE products ALTER COLUMN description SET STORAGE EXTERNAL;

CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    product_id bigint NOT NULL REFERENCES products,
    quantity integer NOT NULL,
    total numeric(10, 2) NOT NULL,
    status text NOT NULL,
    placed_at timestamptz NOT NULL
);

-- As lenient as such tables are in real life: that is how dirt gets in.
CREATE TABLE payments (
    id bigint PRIMARY KEY,
    order_id bigint,
    customer_id bigint NOT NULL,
    reference text,
    card_holder text,
    amount numeric(10, 2),
    installments integer,
    method text,
    device text,
    ip_country text,
    status text NOT NULL,
    captured_at timestamptz
);

CREATE TABLE chargebacks (
    id bigint PRIMARY KEY,
    payment_id bigint NOT NULL,
    reason text NOT NULL,
    filed_at timestamptz NOT NULL
);

-- What is wrong on purpose: one row for each rule that a planted row breaks.
CREATE TABLE planted (
    id bigint PRIMARY KEY,
    table_name text NOT NULL,
    row_key text NOT NULL,
    kind text NOT NULL,
    rule text NOT NULL,
    UNIQUE (table_name, row_key, rule)
);

CREATE SCHEMA simulation;

CREATE TABLE simulation.clock (
    seed integer NOT NULL,
    size integer NOT NULL,
    next_tick bigint NOT NULL
);

CREATE TABLE simulation.habits (
    customer_id bigint PRIMARY KEY REFERENCES customers,
    device text NOT NULL,
    spend double precision NOT NULL
);

-- Frauds whose chargeback the bank has yet to send.
CREATE TABLE simulation.disputes (
    payment_id bigint PRIMARY KEY,
    due_tick bigint NOT NULL
);
