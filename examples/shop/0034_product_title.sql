-- schemamig:revision 0034_product_title
-- schemamig:message call the name of a product its title
-- schemamig:parents 0033_contact_in_summary

-- schemamig:up
ALTER TABLE product RENAME COLUMN name TO title;

-- schemamig:down
ALTER TABLE product RENAME COLUMN title TO name;
