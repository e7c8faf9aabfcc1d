-- schemamig:revision 0008_seed_categories
-- schemamig:message add the first categories
-- schemamig:parents 0007_order_summary

-- schemamig:up
INSERT INTO category (slug) VALUES ('books'), ('music'), ('toys');

INSERT INTO category (parent_id, slug)
SELECT c.id, child.slug
FROM category c
	JOIN (VALUES
		('books', 'comics'),
		('books', 'poetry'),
		('music', 'vinyl'))
		AS child (parent, slug) ON child.parent = c.slug;

-- schemamig:down
UPDATE product SET category_id = NULL
WHERE category_id IN (SELECT id FROM category
	WHERE slug IN ('comics', 'poetry', 'vinyl', 'books', 'music', 'toys'));
DELETE FROM category WHERE slug IN ('comics', 'poetry', 'vinyl');
DELETE FROM category WHERE slug IN ('books', 'music', 'toys');
