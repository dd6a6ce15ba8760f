-- Makes the roles that exist once per cluster. Run by every migration, since another database may have made them.
DO $roles$
DECLARE
    name_of_role text;
BEGIN
    FOREACH name_of_role IN ARRAY ARRAY[
        'wattledger_owner', 'wattledger_writer', 'wattledger_projector', 'wattledger_bank', 'wattledger_reader',
        'wattledger_auditor', 'wattledger_tenant', 'wattledger_door'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name_of_role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name_of_role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- A migration of another database of this cluster was faster, which is as good.
            END;
        END IF;
        -- Superusers may act as any role; whoever else migrates needs to be a member.
        IF NOT pg_catalog.pg_has_role(session_user, name_of_role, 'SET') THEN
            EXECUTE format('GRANT %I TO %I', name_of_role, session_user);
        END IF;
    END LOOP;
    IF NOT pg_catalog.has_database_privilege('wattledger_owner', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO wattledger_owner', current_database());
    END IF;
END
$roles$;
