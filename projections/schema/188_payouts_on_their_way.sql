-- What is on its way to banks, which is looked at whenever payouts move.
CREATE INDEX payout_row_on_its_way_idx ON projection.payout_row (generation, payout_id) WHERE status = 'IN_TRANSIT';
