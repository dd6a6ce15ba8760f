-- Files are written by the projector, up to the moment that all figures go to.
GRANT USAGE ON SCHEMA surface TO wattledger_projector;
