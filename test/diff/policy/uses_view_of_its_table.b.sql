CREATE TABLE other (id int);
CREATE TABLE account (id int PRIMARY KEY, active boolean);
CREATE VIEW active_account AS SELECT id FROM account WHERE active;
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON account USING (id IN (SELECT id FROM active_account));
