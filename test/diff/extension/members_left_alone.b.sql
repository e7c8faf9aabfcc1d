CREATE EXTENSION hstore; CREATE TABLE t (h hstore DEFAULT 'a=>1', i hstore);
