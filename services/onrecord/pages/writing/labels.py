"""Labels of fields, for forms and for the list of errors above them."""

import re
from typing import Final

from onrecord.pages.sentences import N_

LABELS: Final = {
    "article": N_("The article, as text or HTML"),
    "text": N_("Text"),
    "quote": N_("The passage"),
    "words": N_("Words on record, where they are not the passage itself"),
    "lang": N_("Language of the words (as en, de, pt-BR)"),
    "mode": N_("How the words are given"),
    "original_text": N_("The words in the language in which they were said"),
    "original_lang": N_("That language"),
    "speakers-actor": N_("Speaker, by any name"),
    "speakers-role": N_("Role, as the source names it"),
    "speakers-capacity": N_("Speaks as"),
    "speakers-on_behalf_of": N_("On behalf of"),
    "topics-topic": N_("Topic, by any name"),
    "topics-stance": N_("Read as"),
    "said_at": N_("Date on which it was said"),
    "said_at_basis": N_("How the date is known"),
    "venue": N_("Place or occasion"),
    "note": N_("Note for readers"),
    "coder": N_("Coder: who reads it so (a short code)"),
    "url": N_("Address of the source"),
    "archive_url": N_("Address of an archived copy"),
    "reference": N_("Reference, where there is no address"),
    "outlet": N_("Outlet"),
    "title": N_("Title"),
    "published_at": N_("Date of publication"),
    "new_id": N_("Id for ever (small letters, digits, hyphens; or a Wikidata id)"),
    "new_kind": N_("Kind"),
    "new_name": N_("Name"),
    "new_lang": N_("Language of the name"),
    "new_proposition": N_("Neutral sentence that one may support or oppose"),
    "stance": N_("Stance"),
    "condition": N_("On the condition"),
    "summary": N_("The position in one sentence"),
    "effective": N_("Held from"),
    "basis": N_("It rests on"),
    "rationale": N_("Why it is read so"),
    "by": N_("Whose mistake"),
    "reason": N_("Reason, for ever on record"),
    "sections": N_("What is erased"),
    "ground": N_("Ground, as a code (as gdpr-17)"),
    "into": N_("The actor that it is, by any name"),
    "actor": N_("Whose position"),
    "topic": N_("On which topic"),
}
AMENDED_BY: Final = {
    "us": N_("ours: we recorded it wrongly"),
    "outlet": N_("the outlet’s: it reported it wrongly"),
    "speaker": N_("the speaker’s: they corrected themselves"),
}


def label_of(field: str) -> str:
    """The label of a field, whose name may have numbers of rows: `speakers-0-actor`."""
    name = re.sub(r"-\d+", "", field)
    return LABELS.get(name) or LABELS.get(name.rpartition("-")[2], field)
