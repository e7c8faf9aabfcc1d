-- schemamig:rename public.customer client
CREATE TABLE client (id serial PRIMARY KEY, mail text UNIQUE CHECK (mail <> ''), parent int REFERENCES client (id), n int GENERATED ALWAYS AS IDENTITY);
COMMENT ON TABLE client IS 'client';
GRANT SELECT ON client TO alice;
GRANT UPDATE (mail) ON client TO bob;
CREATE INDEX customer_mail_lower ON client (lower(mail)) WHERE mail IS NOT NULL;
CREATE STATISTICS customer_stat ON mail, parent FROM client;
CREATE TABLE orders (customer int REFERENCES client ON DELETE CASCADE);
CREATE VIEW v AS SELECT id, mail FROM client WHERE parent IS NULL;
CREATE VIEW w AS SELECT v.mail, client.id AS customer FROM v JOIN client USING (id);
CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM client;
CREATE FUNCTION f(c client) RETURNS SETOF client LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER customer BEFORE UPDATE OF mail ON client FOR EACH ROW WHEN (old.mail IS DISTINCT FROM new.mail) EXECUTE FUNCTION g();
CREATE POLICY p ON client USING (mail = current_user AND EXISTS (SELECT FROM orders WHERE orders.customer = client.id));
CREATE RULE r AS ON DELETE TO client DO ALSO SELECT 1;
