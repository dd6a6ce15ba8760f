-- An entry may have a line of each operator whose payable it moves: a share that is split is an entry of all who have of it.
ALTER TABLE intake.line DROP CONSTRAINT line_pkey;
ALTER TABLE intake.line ADD CONSTRAINT line_pkey PRIMARY KEY (entry_id, operator_id);
