-- The record. Three tables that are only ever appended to, one row each per question.

CREATE TABLE asked (
    id INTEGER PRIMARY KEY,
    asked_at INTEGER NOT NULL,
    approval TEXT NOT NULL,
    session TEXT NOT NULL,
    session_title TEXT NOT NULL,
    profile TEXT NOT NULL,
    profile_name TEXT NOT NULL,
    folder TEXT NOT NULL,
    subject TEXT NOT NULL,
    risk TEXT NOT NULL,
    thread TEXT,
    turn TEXT,
    item TEXT,
    same BLOB NOT NULL,
    name TEXT NOT NULL,
    reason TEXT,
    detail TEXT NOT NULL,
    raw TEXT NOT NULL
) STRICT;
CREATE INDEX asked_same ON asked (same);

CREATE TABLE settled (
    id INTEGER PRIMARY KEY,
    settled_at INTEGER NOT NULL,
    ended TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT
) STRICT;
CREATE INDEX settled_ended ON settled (ended);

CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    exit_code INTEGER,
    files_changed INTEGER,
    status TEXT NOT NULL
) STRICT;

-- What retention was told to take out and when. It is also what allows rows to go at all.
CREATE TABLE retention (
    done_at INTEGER NOT NULL,
    settled_before INTEGER NOT NULL
) STRICT;

CREATE TRIGGER asked_never_changes BEFORE UPDATE ON asked
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER settled_never_changes BEFORE UPDATE ON settled
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER result_never_changes BEFORE UPDATE ON result
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER retention_never_changes BEFORE UPDATE ON retention
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER retention_stays BEFORE DELETE ON retention
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER asked_goes_by_retention BEFORE DELETE ON asked
WHEN NOT EXISTS (
    SELECT 1 FROM settled
    WHERE id = old.id AND settled_at < (SELECT max(settled_before) FROM retention)
)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER settled_goes_with_asked BEFORE DELETE ON settled
WHEN EXISTS (SELECT 1 FROM asked WHERE id = old.id)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER result_goes_with_asked BEFORE DELETE ON result
WHEN EXISTS (SELECT 1 FROM asked WHERE id = old.id)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

-- What makes finding fast. All of it follows from the record.

-- The questions that are not settled.
CREATE TABLE open (id INTEGER PRIMARY KEY) STRICT;

-- When the questions of each 1,024 ids were asked: where to look for a span of time.
CREATE TABLE spans (
    block INTEGER PRIMARY KEY,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;

-- A number for each session, profile and kind, and the three private characters that stand for it in the index.
CREATE TABLE names (no INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE VIEW tokens AS
SELECT text, char(57344 + (no >> 16), 57600 + ((no >> 8) & 255), 57856 + (no & 255)) AS token FROM names;

-- Every three characters in a row of each question's text, and the tokens of what it belongs to: so the filters are
-- words too, and any mix of words and filters is one walk through sorted lists.
CREATE VIRTUAL TABLE found USING fts5 (
    session, profile, subject, text,
    tokenize = 'trigram', content = '', contentless_delete = 1
);

CREATE TRIGGER asked_found AFTER INSERT ON asked BEGIN
    INSERT INTO open VALUES (new.id);
    INSERT INTO spans VALUES (new.id / 1024, new.asked_at, new.asked_at)
    ON CONFLICT (block) DO UPDATE
    SET first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at);
    INSERT INTO names (text)
    VALUES ('session ' || new.session), ('profile ' || new.profile), ('subject ' || new.subject)
    ON CONFLICT (text) DO NOTHING;
    INSERT INTO found (rowid, session, profile, subject, text) VALUES (
        new.id,
        (SELECT token FROM tokens WHERE text = 'session ' || new.session),
        (SELECT token FROM tokens WHERE text = 'profile ' || new.profile),
        (SELECT token FROM tokens WHERE text = 'subject ' || new.subject),
        concat_ws(
            char(10), new.name, substr(new.detail, 1, 4096), new.reason, new.session_title, new.folder
        )
    );
END;
CREATE TRIGGER settled_found AFTER INSERT ON settled BEGIN
    DELETE FROM open WHERE id = new.id;
END;
CREATE TRIGGER asked_gone AFTER DELETE ON asked BEGIN
    DELETE FROM found WHERE rowid = old.id;
    DELETE FROM settled WHERE id = old.id;
    DELETE FROM result WHERE id = old.id;
END;
