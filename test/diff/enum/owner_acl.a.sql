CREATE TYPE app_m AS ENUM ('a');
