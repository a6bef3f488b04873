"""Reporting: commented views over the current record, and a role that may read nothing else.

Explained in ops/decisions/0052-report-and-export-the-record.md, used in ops/docs/reporting.md.
"""

from typing import NamedTuple

from alembic import op

revision = "reporting"
down_revision = "secrets"

ROLE = """
DO $$ BEGIN
    IF to_regrole('onrecord_reporting') IS NULL THEN
        BEGIN
            CREATE ROLE onrecord_reporting NOLOGIN;
            -- Of a login that is this role itself; a member's own settings count instead.
            ALTER ROLE onrecord_reporting SET default_transaction_read_only = on;
            ALTER ROLE onrecord_reporting SET statement_timeout = '30s';
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles are the cluster's; another database made it just now
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'onrecord_reporting', 'USAGE') THEN
        EXECUTE format('GRANT onrecord_reporting TO %I', current_user);
    END IF;
END $$
"""

# Rows come in this order, so block ranges find those of a time at next to no cost of a write.
INDEXES = """
CREATE INDEX steps_recorded ON projections.steps USING brin (recorded_at)
    WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX statements_recorded ON projections.statements USING brin (recorded_at)
    WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX deliveries_made ON webhooks.deliveries USING brin (made_at)
    WITH (pages_per_range = 16, autosummarize = on);
"""


class View(NamedTuple):
    """A view with what its comments say."""

    name: str
    comment: str
    columns: dict[str, str]
    query: str
    options: str = ""


RECORDED = {
    "recorded_at": "When that was recorded.",
    "recorded_by": "Who recorded it: the id of a key.",
}

ACTORS = View(
    "actors",
    "Actors on record: persons, organisations, governments, offices and groups.",
    {
        "id": "The actor's id, its slug.",
        "label": "The first English name, else the first name, else the id.",
        "kind": "person, organisation, government, office or group.",
        "names": "All names.",
        "wikidata": "Its id in Wikidata, where that is on record.",
        "counts_as": "Whom it counts for: itself, or the actor that it was merged into.",
        "event": "The id of the event that gave it this state.",
        **RECORDED,
    },
    """
SELECT actors.id,
    coalesce(
        jsonb_path_query_first(actors.names, '$[*] ? (@.lang == "en").name') #>> '{}',
        actors.names #>> '{0,name}',
        actors.id
    ) AS label,
    actors.kind,
    ARRAY(SELECT item ->> 'name' FROM jsonb_array_elements(actors.names) item) AS names,
    actors.identifiers ->> 'wikidata' AS wikidata,
    (
        WITH RECURSIVE path AS (
            SELECT actors.id AS id, 0 AS depth
            UNION ALL
            SELECT merges.into_actor, path.depth + 1
            FROM path JOIN projections.merges ON merges.id = path.id
            WHERE merges.generation = actors.generation
                AND merges.close_seq = 9223372036854775807
        )
        SELECT path.id FROM path ORDER BY path.depth DESC LIMIT 1
    ) AS counts_as,
    actors.event, actors.recorded_at, actors.recorded_by
FROM projections.actors
WHERE actors.close_seq = 9223372036854775807
    AND actors.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors'
    )
""",
)

TOPICS = View(
    "topics",
    "Topics on record, with the sentence that a stance on each is about.",
    {
        "id": "The topic's id, its slug.",
        "label": "Its label, else the id.",
        "proposition": "The neutral sentence that a stance is about.",
        "broader": "The id of the broader topic.",
        "broader_label": "The label of the broader topic, else its id.",
        "event": "The id of the event that gave it this state.",
        **RECORDED,
    },
    """
SELECT topics.id, coalesce(topics.label, topics.id) AS label, topics.proposition, topics.broader,
    coalesce(broader.label, topics.broader) AS broader_label,
    topics.event, topics.recorded_at, topics.recorded_by
FROM projections.topics
    LEFT JOIN projections.topics broader ON broader.generation = topics.generation
        AND broader.id = topics.broader AND broader.close_seq = 9223372036854775807
WHERE topics.close_seq = 9223372036854775807
    AND topics.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'topics'
    )
""",
)

STEP = {
    "id": "The position's id.",
    "actor": "The id of the actor whom it counts for, after merges.",
    "actor_label": "The actor's name.",
    "recorded_as": "The id of the actor whom it was recorded of, perhaps merged since.",
    "topic": "The topic's id.",
    "topic_label": "The topic's label.",
    "stance": "oppose, conditional_oppose, neutral, conditional_support, support, mixed or "
    "no_position.",
    "stance_value": "The stance on the scale from -2 (oppose) to 2 (support); null off the scale.",
    "condition": "The condition of a conditional stance.",
    "summary": "The position in a sentence.",
    "effective": "From when on, as recorded: a day, a month, a year, an instant, or ../D: at the "
    "latest on D.",
    "effective_earliest": "The first instant that `effective` can mean; null for ../D.",
    "effective_latest": "The last instant that `effective` can mean.",
    "effective_time": "Its place in time, to filter and sort by: the first instant, for ../D the "
    "last.",
    "kind": "adopted, reaffirmed, conditions_changed, softened, hardened, shifted or reversed.",
    "change_size": "How far it moved on the scale, 0 to 4; null off the scale.",
    "previous_id": "The id of the position before it in the timeline.",
    "previous_stance": "The stance before it.",
    "basis": "The ids of the statements that it rests on.",
    "coder": "Who coded it.",
    "seq": "The seq that made the position.",
    **RECORDED,
}

POSITIONS = View(
    "positions",
    "What each actor holds on each topic now: one row a pair. Positions that begin later than now "
    "are in position_changes only.",
    {
        **STEP,
        "since": "Since when this stance and condition have been held, as recorded.",
        "certainty": "definite, or possible where inexact dates leave open what is held now.",
    },
    """
SELECT held.id, held.actor,
    coalesce(
        jsonb_path_query_first(actors.names, '$[*] ? (@.lang == "en").name') #>> '{}',
        actors.names #>> '{0,name}',
        held.actor
    ) AS actor_label,
    held.recorded_as, held.topic, coalesce(topics.label, held.topic) AS topic_label,
    held.stance,
    CASE held.stance WHEN 'oppose' THEN -2 WHEN 'conditional_oppose' THEN -1 WHEN 'neutral' THEN 0
        WHEN 'conditional_support' THEN 1 WHEN 'support' THEN 2 END AS stance_value,
    held.condition, steps.summary, held.effective,
    CASE WHEN held.effective NOT LIKE '../%' THEN held.earliest END AS effective_earliest,
    held.latest AS effective_latest, held.valid_from AS effective_time,
    CASE held.kind WHEN 'reaffirmed' THEN (
        SELECT changes.effective FROM projections.changes
        WHERE changes.generation = held.generation AND changes.close_seq = 9223372036854775807
            AND changes.line = hashtextextended(held.actor || ' ' || held.topic, 0)
            AND changes.actor || ' ' || changes.topic = held.actor || ' ' || held.topic
            AND changes.kind <> 'reaffirmed'
            AND (changes.valid_from, changes.ord, changes.made_seq)
                < (held.valid_from, held.ord, held.made_seq)
        ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
    ) ELSE held.effective END AS since,
    -- domain/changes.py, possible_steps: definite if all steps that may be held now agree
    (
        WITH step AS (
            SELECT changes.earliest, changes.latest, changes.ord, changes.made_seq,
                changes.stance, changes.condition, row_number() OVER (
                    PARTITION BY changes.earliest, changes.latest, changes.valid_from
                    ORDER BY changes.ord DESC, changes.made_seq DESC
                ) AS place_on_date
            FROM projections.changes
            WHERE changes.generation = held.generation
                AND changes.close_seq = 9223372036854775807
                AND changes.actor = held.actor AND changes.topic = held.topic
                AND changes.earliest <= now()
        ),
        begun AS (
            SELECT step.earliest, step.ord, step.made_seq FROM step WHERE step.latest <= now()
            ORDER BY step.earliest DESC, step.ord DESC, step.made_seq DESC LIMIT 1
        )
        SELECT CASE
            WHEN count(DISTINCT (step.stance, step.condition)) = 1
                AND EXISTS (SELECT FROM begun) THEN 'definite'
            ELSE 'possible'
        END
        FROM step LEFT JOIN begun ON true
        WHERE (step.latest > now() OR step.place_on_date = 1)
            AND (
                begun.earliest IS NULL
                OR (least(step.latest, now()), step.ord, step.made_seq)
                    >= (begun.earliest, begun.ord, begun.made_seq)
            )
    ) AS certainty,
    held.kind, held.change_size, held.before_id AS previous_id,
    held.before_stance AS previous_stance, steps.basis, steps.coder, held.made_seq AS seq,
    steps.recorded_at, steps.recorded_by
FROM (
        SELECT DISTINCT ON (changes.actor, changes.topic) changes.*
        FROM projections.changes
        WHERE changes.close_seq = 9223372036854775807 AND changes.valid_from <= now()
            AND changes.generation = (
                SELECT generation FROM projections.checkpoints WHERE live AND name = 'changes'
            )
        ORDER BY changes.actor, changes.topic,
            changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC
    ) held
    JOIN projections.steps ON steps.id = held.id AND steps.close_seq = 9223372036854775807
        AND steps.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions'
        )
    LEFT JOIN projections.actors ON actors.id = held.actor
        AND actors.close_seq = 9223372036854775807
        AND actors.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors'
        )
    LEFT JOIN projections.topics ON topics.id = held.topic
        AND topics.close_seq = 9223372036854775807
        AND topics.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'topics'
        )
""",
)

POSITION_CHANGES = View(
    "position_changes",
    "Every step of every actor on every topic, past and announced, with what it changed from.",
    {
        **STEP,
        "late": "It was recorded after a later step that had begun by then.",
    },
    """
SELECT changes.id, changes.actor,
    coalesce(
        jsonb_path_query_first(actors.names, '$[*] ? (@.lang == "en").name') #>> '{}',
        actors.names #>> '{0,name}',
        changes.actor
    ) AS actor_label,
    changes.recorded_as, changes.topic, coalesce(topics.label, changes.topic) AS topic_label,
    changes.stance,
    CASE changes.stance WHEN 'oppose' THEN -2 WHEN 'conditional_oppose' THEN -1
        WHEN 'neutral' THEN 0 WHEN 'conditional_support' THEN 1 WHEN 'support' THEN 2
        END AS stance_value,
    changes.condition, steps.summary, changes.effective,
    CASE WHEN changes.effective NOT LIKE '../%' THEN changes.earliest END AS effective_earliest,
    changes.latest AS effective_latest, changes.valid_from AS effective_time,
    changes.kind, changes.change_size, changes.before_id AS previous_id,
    changes.before_stance AS previous_stance, changes.late, steps.basis, steps.coder,
    changes.made_seq AS seq, steps.recorded_at, steps.recorded_by
FROM projections.changes
    JOIN projections.steps ON steps.id = changes.id AND steps.close_seq = 9223372036854775807
        AND steps.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions'
        )
    LEFT JOIN projections.actors ON actors.id = changes.actor
        AND actors.close_seq = 9223372036854775807
        AND actors.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors'
        )
    LEFT JOIN projections.topics ON topics.id = changes.topic
        AND topics.close_seq = 9223372036854775807
        AND topics.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'topics'
        )
WHERE changes.close_seq = 9223372036854775807
    AND changes.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'changes'
    )
""",
)

SAID = {
    "said_time": "Its place in time, to filter and sort by: the first instant of `said_at`, for "
    "../D the last.",
    "seq": "The seq that made the statement.",
    **RECORDED,
}

STATEMENTS = View(
    "statements",
    "Statements on record as they stand, with their words and speakers. To filter by an actor or "
    "a topic, join statement_speakers or statement_topics.",
    {
        "id": "The statement's id.",
        "status": "on_record, or corrected.",
        "said_at": "When it was said, as recorded: a day, a month, a year, an instant, or ../D.",
        "said_earliest": "The first instant that `said_at` can mean; null for ../D.",
        "said_latest": "The last instant that `said_at` can mean.",
        **SAID,
        "text": "The words; null where they were erased.",
        "lang": "The language of the words.",
        "mode": "verbatim, mixed, paraphrase or translation.",
        "original_text": "The words in the language in which they were said.",
        "original_lang": "That language.",
        "speakers": "The ids of the speakers whom it counts for, after merges.",
        "speaker_labels": "Their names, in the same order.",
        "topics": "The ids of its topics.",
        "topic_labels": "Their labels, in the same order.",
        "outlets": "Who published it.",
        "venue": "Where it was said.",
        "note": "The coder's note.",
        "is_embedded": "It is somebody else's account of what the speakers said.",
        "evidence_count": "How many pieces of evidence it has.",
        "erased": "The sections whose words were erased.",
        "coder": "Who coded it.",
        "event": "The id of the event that gave it this state.",
    },
    """
SELECT statements.id,
    CASE WHEN statements.open_seq > statements.made_seq THEN 'corrected' ELSE 'on_record' END
        AS status,
    statements.doc ->> 'said_at' AS said_at,
    CASE WHEN statements.doc ->> 'said_at' NOT LIKE '../%' THEN statements.said_from END
        AS said_earliest,
    statements.said_until AS said_latest, statements.said_from AS said_time,
    statements.doc #>> '{content,text}' AS text,
    statements.doc #>> '{content,lang}' AS lang,
    statements.doc #>> '{content,mode}' AS mode,
    statements.doc #>> '{content,original,text}' AS original_text,
    statements.doc #>> '{content,original,lang}' AS original_lang,
    ARRAY(
        SELECT canonical.id
        FROM jsonb_array_elements(statements.doc -> 'speakers') WITH ORDINALITY speaker (item, n)
            CROSS JOIN LATERAL (
                WITH RECURSIVE path AS (
                    SELECT speaker.item ->> 'actor' AS id, 0 AS depth
                    UNION ALL
                    SELECT merges.into_actor, path.depth + 1
                    FROM path JOIN projections.merges ON merges.id = path.id
                    WHERE merges.close_seq = 9223372036854775807 AND merges.generation = (
                        SELECT generation FROM projections.checkpoints
                        WHERE live AND name = 'actors'
                    )
                )
                SELECT path.id FROM path ORDER BY path.depth DESC LIMIT 1
            ) canonical
        ORDER BY speaker.n
    ) AS speakers,
    ARRAY(
        SELECT coalesce(
            jsonb_path_query_first(actors.names, '$[*] ? (@.lang == "en").name') #>> '{}',
            actors.names #>> '{0,name}',
            canonical.id
        )
        FROM jsonb_array_elements(statements.doc -> 'speakers') WITH ORDINALITY speaker (item, n)
            CROSS JOIN LATERAL (
                WITH RECURSIVE path AS (
                    SELECT speaker.item ->> 'actor' AS id, 0 AS depth
                    UNION ALL
                    SELECT merges.into_actor, path.depth + 1
                    FROM path JOIN projections.merges ON merges.id = path.id
                    WHERE merges.close_seq = 9223372036854775807 AND merges.generation = (
                        SELECT generation FROM projections.checkpoints
                        WHERE live AND name = 'actors'
                    )
                )
                SELECT path.id FROM path ORDER BY path.depth DESC LIMIT 1
            ) canonical
            LEFT JOIN projections.actors ON actors.id = canonical.id
                AND actors.close_seq = 9223372036854775807 AND actors.generation = (
                    SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors'
                )
        ORDER BY speaker.n
    ) AS speaker_labels,
    statements.topics,
    ARRAY(
        SELECT coalesce(topics.label, named.id)
        FROM unnest(statements.topics) WITH ORDINALITY named (id, n)
            LEFT JOIN projections.topics ON topics.id = named.id
                AND topics.close_seq = 9223372036854775807 AND topics.generation = (
                    SELECT generation FROM projections.checkpoints WHERE live AND name = 'topics'
                )
        ORDER BY named.n
    ) AS topic_labels,
    statements.outlets, statements.doc ->> 'venue' AS venue, statements.doc ->> 'note' AS note,
    statements.doc ? 'embedded_in' AS is_embedded,
    jsonb_array_length(statements.doc -> 'evidence') AS evidence_count,
    ARRAY(SELECT jsonb_object_keys(statements.erased)) AS erased,
    statements.doc ->> 'coder' AS coder, statements.made_seq AS seq, statements.event,
    statements.recorded_at, statements.recorded_by
FROM projections.statements
WHERE statements.close_seq = 9223372036854775807
    AND statements.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'statements'
    )
""",
)

STATEMENT_SPEAKERS = View(
    "statement_speakers",
    "Who spoke in each statement: one row a statement and speaker.",
    {
        "statement": "The statement's id.",
        "actor": "The id of the actor whom it counts for, after merges.",
        "actor_label": "The actor's name.",
        "recorded_as": "The id of the actor whom it was recorded of, perhaps merged since.",
        "role": "The speaker's role then; null where it was erased.",
        "capacity": "individual, spokesperson or joint.",
        **SAID,
    },
    """
SELECT statements.id AS statement, actors.id AS actor,
    coalesce(
        jsonb_path_query_first(actors.names, '$[*] ? (@.lang == "en").name') #>> '{}',
        actors.names #>> '{0,name}',
        actors.id
    ) AS actor_label,
    member.id AS recorded_as, speaker.item ->> 'role' AS role,
    speaker.item ->> 'capacity' AS capacity, statements.said_from AS said_time,
    statements.made_seq AS seq, statements.recorded_at, statements.recorded_by
FROM projections.actors
    CROSS JOIN LATERAL (
        WITH RECURSIVE members AS (
            SELECT actors.id AS id
            UNION
            SELECT merges.id FROM members JOIN projections.merges ON merges.into_actor = members.id
            WHERE merges.generation = actors.generation
                AND merges.close_seq = 9223372036854775807
        )
        SELECT members.id FROM members
    ) member
    JOIN projections.statements ON statements.actors @> ARRAY[member.id]
        AND statements.close_seq = 9223372036854775807
        AND statements.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'statements'
        )
    JOIN LATERAL jsonb_array_elements(statements.doc -> 'speakers') speaker (item)
        ON speaker.item ->> 'actor' = member.id
WHERE actors.close_seq = 9223372036854775807
    AND actors.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors'
    )
    AND NOT EXISTS (
        SELECT FROM projections.merges
        WHERE merges.generation = actors.generation AND merges.id = actors.id
            AND merges.close_seq = 9223372036854775807
    )
""",
)

STATEMENT_TOPICS = View(
    "statement_topics",
    "The topics of each statement, with the coder's reading: one row a statement and topic.",
    {
        "statement": "The statement's id.",
        "topic": "The topic's id.",
        "topic_label": "The topic's label.",
        "stance": "The stance that the coder read in the statement, if there is one.",
        **SAID,
    },
    """
SELECT statements.id AS statement, topics.id AS topic,
    coalesce(topics.label, topics.id) AS topic_label,
    (
        SELECT reading.item ->> 'stance'
        FROM jsonb_array_elements(statements.doc -> 'stances') reading (item)
        WHERE reading.item ->> 'topic' = topics.id
    ) AS stance,
    statements.said_from AS said_time,
    statements.made_seq AS seq, statements.recorded_at, statements.recorded_by
FROM projections.topics
    JOIN projections.statements ON statements.topics @> ARRAY[topics.id]
        AND statements.close_seq = 9223372036854775807
        AND statements.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'statements'
        )
WHERE topics.close_seq = 9223372036854775807
    AND topics.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'topics'
    )
""",
)

EVIDENCE = View(
    "evidence",
    "The sources of each statement: one row a piece of evidence.",
    {
        "statement": "The statement's id.",
        "number": "Its place in the list of the statement, from 1.",
        "url": "Its address.",
        "archive_url": "The address of an archived copy.",
        "reference": "Where it is, if it has no address.",
        "sha256": "The SHA-256 digest of the source text.",
        "outlet": "Who published it.",
        "title": "Its title.",
        "published_at": "When it was published, as recorded: a day, a month, a year, an instant, "
        "or ../D.",
        "published_earliest": "The first instant that `published_at` can mean; null for ../D.",
        "published_latest": "The last instant that `published_at` can mean.",
        "quote": "The words in it.",
        "chain_length": "Through how many hands the words came to it.",
        "is_erased": "Its words were erased.",
        **SAID,
    },
    """
SELECT statements.id AS statement, item.number,
    item.doc ->> 'url' AS url, item.doc ->> 'archive_url' AS archive_url,
    item.doc ->> 'reference' AS reference, item.doc ->> 'sha256' AS sha256,
    item.doc ->> 'outlet' AS outlet, item.doc ->> 'title' AS title,
    item.doc ->> 'published_at' AS published_at,
    -- domain/dates.py, bounds
    CASE
        WHEN item.doc ->> 'published_at' LIKE '../%' THEN NULL
        WHEN length(published.text) = 4 THEN (published.text || '-01-01T00:00:00Z')::timestamptz
        WHEN length(published.text) = 7 THEN (published.text || '-01T00:00:00Z')::timestamptz
        WHEN length(published.text) = 10 THEN (published.text || 'T00:00:00Z')::timestamptz
        ELSE published.text::timestamptz
    END AS published_earliest,
    CASE
        WHEN length(published.text) = 4
            THEN (published.text || '-12-31T23:59:59.999999Z')::timestamptz
        WHEN length(published.text) = 7 THEN (
            (published.text || '-01')::timestamp + interval '1 month' - interval '1 microsecond'
        ) AT TIME ZONE 'UTC'
        WHEN length(published.text) = 10 THEN (published.text || 'T23:59:59.999999Z')::timestamptz
        ELSE published.text::timestamptz
    END AS published_latest,
    item.doc #>> '{selector,exact}' AS quote,
    coalesce(jsonb_array_length(item.doc -> 'chain'), 0) AS chain_length,
    statements.erased ? 'evidence' AS is_erased,
    statements.said_from AS said_time, statements.made_seq AS seq,
    statements.recorded_at, statements.recorded_by
FROM projections.statements
    CROSS JOIN LATERAL jsonb_array_elements(statements.doc -> 'evidence')
        WITH ORDINALITY item (doc, number)
    CROSS JOIN LATERAL (
        SELECT regexp_replace(item.doc ->> 'published_at', '^[.][.]/', '') AS text
    ) published
WHERE statements.close_seq = 9223372036854775807
    AND statements.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'statements'
    )
""",
)

EVENTS_BY_DAY = View(
    "events_by_day",
    "How many events of each type were recorded on each day, in UTC.",
    {
        "day": "The first instant of the day.",
        "type": "The type of the events.",
        "events": "Their number.",
    },
    """
WITH RECURSIVE type AS (  -- one descent of an index a type
    (SELECT name FROM ledger.touches WHERE kind = 'type' ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (
        SELECT touches.name FROM ledger.touches
        WHERE touches.kind = 'type' AND touches.name > type.name ORDER BY touches.name LIMIT 1
    )
    FROM type WHERE type.name IS NOT NULL
),
live AS MATERIALIZED (
    SELECT generation FROM projections.checkpoints WHERE live AND name = 'clock'
)
SELECT day.at AT TIME ZONE 'UTC' AS day, type.name AS type, counted.events
FROM live
    CROSS JOIN LATERAL (
        SELECT min(clock.recorded_at) AS first, max(clock.recorded_at) AS last
        FROM projections.clock WHERE clock.generation = live.generation
    ) recorded
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', recorded.first AT TIME ZONE 'UTC'),
        recorded.last AT TIME ZONE 'UTC', interval '1 day'
    ) day (at)
    CROSS JOIN LATERAL (
        SELECT
            coalesce((
                SELECT clock.size FROM projections.clock
                WHERE clock.generation = live.generation
                    AND clock.recorded_at < day.at AT TIME ZONE 'UTC'
                ORDER BY clock.recorded_at DESC LIMIT 1
            ), 0) AS start,
            (
                SELECT clock.size FROM projections.clock
                WHERE clock.generation = live.generation
                    AND clock.recorded_at < (day.at + interval '1 day') AT TIME ZONE 'UTC'
                ORDER BY clock.recorded_at DESC LIMIT 1
            ) AS stop
        OFFSET 0
    ) seqs
    CROSS JOIN type
    CROSS JOIN LATERAL (
        SELECT count(*) AS events FROM ledger.touches
        WHERE touches.kind = 'type' AND touches.name = type.name
            AND touches.seq >= seqs.start AND touches.seq < seqs.stop
    ) counted
WHERE type.name IS NOT NULL AND counted.events > 0
""",
)

ENDPOINT = {
    "endpoint": "The endpoint's id.",
    "host": "The host of its address; the rest of it may be secret.",
    "description": "What its owner called it.",
    "outcome": "pending, sending, delivered or failed.",
}

DELIVERIES = View(
    "deliveries",
    "Webhook deliveries: one row an endpoint and event. Those of deleted endpoints are left out.",
    {
        "id": "The delivery's id.",
        **ENDPOINT,
        "event": "The event's id.",
        "seq": "The event's seq; null for a ping.",
        "attempts": "How often it was sent.",
        "queued_at": "When it was queued; to filter and sort by.",
        "ended_at": "When it was delivered or given up.",
        "last_attempt_at": "When it was last sent.",
        "last_status": "The HTTP status of the last attempt; null where there was no answer.",
        "last_seconds": "How long the last attempt took.",
    },
    """
SELECT deliveries.id, deliveries.endpoint,
    substring(endpoints.url FROM '^https?://(?:[^/?#]*@)?([^/?#]*)') AS host,
    endpoints.description, deliveries.state AS outcome, deliveries.event, deliveries.seq,
    deliveries.attempts, deliveries.made_at AS queued_at, deliveries.ended_at,
    attempts.began_at AS last_attempt_at, attempts.status AS last_status,
    attempts.seconds AS last_seconds
FROM webhooks.deliveries
    JOIN webhooks.endpoints ON endpoints.id = deliveries.endpoint AND endpoints.deleted_at IS NULL
    LEFT JOIN webhooks.attempts
        ON attempts.delivery = deliveries.id AND attempts.number = deliveries.attempts
""",
    "WITH (security_barrier)",
)

DELIVERIES_BY_OUTCOME = View(
    "deliveries_by_outcome",
    "How many webhook deliveries each endpoint has by outcome.",
    {**ENDPOINT, "deliveries": "Their number."},
    """
SELECT endpoints.id AS endpoint,
    substring(endpoints.url FROM '^https?://(?:[^/?#]*@)?([^/?#]*)') AS host,
    endpoints.description, outcome.name AS outcome, counted.deliveries
FROM webhooks.endpoints
    CROSS JOIN (VALUES ('pending'), ('sending'), ('delivered'), ('failed')) outcome (name)
    CROSS JOIN LATERAL (
        SELECT count(*) AS deliveries FROM webhooks.deliveries
        WHERE deliveries.endpoint = endpoints.id AND deliveries.state = outcome.name
    ) counted
WHERE endpoints.deleted_at IS NULL AND counted.deliveries > 0
""",
    "WITH (security_barrier)",
)

PROJECTION_LAG = View(
    "projection_lag",
    "How far each projection, and the fan-out of webhooks, is behind the ledger.",
    {
        "name": "The projection; fan_out is that of webhooks.",
        "size": "The number of entries that it has folded.",
        "ledger_size": "The number of entries in the ledger.",
        "entries_behind": "How many it has still to fold.",
        "seconds_behind": "How long the first of these has waited; 0 where there is none.",
        "moved_at": "When it last moved.",
        "stopped_seq": "The seq of the event that it cannot fold; null while it can.",
        "stopped_since": "Since when it cannot.",
    },
    """
SELECT follower.name, follower.size, ledger.size AS ledger_size,
    ledger.size - follower.size AS entries_behind,
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - commits.recorded_at)::float8
        FROM ledger.commits WHERE commits.size > follower.size ORDER BY commits.size LIMIT 1
    ), 0) AS seconds_behind,
    follower.moved_at, follower.stopped_seq, follower.stopped_since
FROM (SELECT coalesce(max(size), 0) AS size FROM ledger.commits) ledger
    CROSS JOIN (
        SELECT name, size, moved_at, stopped_seq, stopped_since
        FROM projections.checkpoints WHERE live
        UNION ALL
        SELECT name, size, moved_at, NULL, NULL FROM webhooks.checkpoints
    ) follower
""",
)

VIEWS = (
    *(ACTORS, TOPICS, POSITIONS, POSITION_CHANGES),
    *(STATEMENTS, STATEMENT_SPEAKERS, STATEMENT_TOPICS, EVIDENCE),
    *(EVENTS_BY_DAY, DELIVERIES, DELIVERIES_BY_OUTCOME, PROJECTION_LAG),
)

GRANTS = """
GRANT USAGE ON SCHEMA reporting TO onrecord_reporting;
GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO onrecord_reporting;
-- Exports name the installation that they are of.
GRANT USAGE ON SCHEMA webhooks TO onrecord_audit;
GRANT SELECT ON webhooks.installation TO onrecord_audit;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(ROLE)
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(INDEXES)
    op.execute("CREATE SCHEMA reporting")
    op.execute(
        "COMMENT ON SCHEMA reporting IS 'The current record for dashboards: merges of actors are"
        " resolved, erased words are absent, ids have labels beside them.'"
    )
    for view in VIEWS:
        name = f"reporting.{view.name}"
        op.execute(f"CREATE VIEW {name} {view.options} AS {view.query}")
        op.execute(f"COMMENT ON VIEW {name} IS {_quoted(view.comment)}")
        for column, comment in view.columns.items():
            op.execute(f"COMMENT ON COLUMN {name}.{column} IS {_quoted(comment)}")
    op.execute(GRANTS)
    op.execute("RESET ROLE")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace(":", r"\:") + "'"
