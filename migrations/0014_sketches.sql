-- Sketches of vectors: the signs of their numbers, a bit each. All of an organisation's are compared with a question's out of the index, and only what is
-- near by them in full: a tenth of the bytes, and half of the time (docs/adr/0017).
alter table passage_vector add column sketch bit varying not null generated always as (binary_quantize(vector)) stored;

alter table passage_vector
    drop constraint passage_vector_pkey,
    -- With all that is compared: the table itself need not be read.
    add constraint passage_vector_pkey primary key (org_id, model, passage_id) include (document_id, sketch);
