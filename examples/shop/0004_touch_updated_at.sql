-- schemamig:revision 0004_touch_updated_at
-- schemamig:message keep the time of the last change
-- schemamig:parents 0003_create_catalogue

-- schemamig:up
ALTER TABLE account ADD COLUMN updated_at timestamptz;
ALTER TABLE product ADD COLUMN updated_at timestamptz;

CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $touch$
BEGIN
	-- An UPDATE that sets the column itself knows better; leave it alone.
	IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
		NEW.updated_at := now();
	END IF;
	RETURN NEW;
END;
$touch$;

CREATE TRIGGER touch BEFORE UPDATE ON account
	FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON product
	FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- schemamig:down
DROP TRIGGER touch ON product;
DROP TRIGGER touch ON account;
DROP FUNCTION touch_updated_at();
ALTER TABLE product DROP COLUMN updated_at;
ALTER TABLE account DROP COLUMN updated_at;
