-- What came back from the bank and was not paid again (2060) has a column of its own; it stood in in_transit. The rows
-- are made anew from the events, since the book may know more than they do. So are the open items, which have what is
-- due back to drivers (2080) now.
ALTER TABLE projection.operator_balance_row ADD COLUMN to_fix bigint NOT NULL DEFAULT 0;
DELETE FROM projection.operator_balance_row;
DELETE FROM projection.open_item_row;
UPDATE projection.generation SET position = 0 WHERE name IN ('operator_balances', 'open_items');

CREATE OR REPLACE VIEW projection.operator_balances AS
SELECT operator_id, currency, pending, available, reserved, disputed, in_transit, paid_out, to_fix
FROM projection.operator_balance_row
WHERE standing > 0 AND generation = (
    SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'operator_balances'
);
