CREATE COLLATION c1 (locale = 'C'); CREATE COLLATION c2 (provider = icu, locale = 'de'); CREATE COLLATION c4 (locale = 'C');
