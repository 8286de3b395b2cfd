"""Names that nobody finds in the documents: what counts as one, and what as found."""

import pytest

from docqa.engine.ingest.documents import document_from_text
from docqa.engine.question.unknown_names import unknown_names

REPORT = """The harbour of Ostwin lies in California, not in China.
Ada Holm runs the ferries of PayPal Harbor.

2024 | 2023
Net sales | 12 | 9"""


def unknown(question, *texts):
    documents = [document_from_text(text, title="report") for text in texts or (REPORT,)]
    return unknown_names(question, documents)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What were the net sales of Microsoft in 2024?", ("Microsoft",)),
        ("Microsoft's net sales in 2024?", ("Microsoft",)),
        ("What's in it? Who's there? There's more, isn't there?", ()),  # no name with a 's
        ("What did eBay and FedEx sell? To whom in Peru?", ("eBay", "FedEx", "Peru")),
        ("Who runs the ferries of Ostwin and Bo Lindqvist?", ("Lindqvist",)),
        ("What do Californian harbours pay the Chinese?", ()),  # California, China
        ("What did Harbors ever pay Salesforce?", ("Salesforce",)),  # has sales
        ("What does paypal harbor pay? Summarise it.", ()),
        ('Explain net sales. "Describe them."', ()),  # the first word of a sentence says nothing
        ("What Were The Net Sales Of Microsoft?", ()),  # nor does a capital among capitals
        ("WHAT WERE NET SALES?", ()),
        ("What do PwC, the US and the IRS say?", ()),  # may be spelled out
        ("What were CapEx and the Buybacks?", ()),  # the trade's words, not the document's
        ("", ()),
    ],
)
def test_names(question, names):
    assert unknown(question) == names


def test_a_name_in_one_of_the_documents_is_known():
    question = "Did Lindqvist sell to Microsoft?"
    assert unknown(question, REPORT, "Lindqvist left.") == ("Microsoft",)
    assert unknown(question, "Microsoft and Lindqvist.", REPORT) == ()
    assert unknown_names(question, []) == ()


def test_the_author_in_the_title_is_known():
    document = document_from_text("I sailed as a naturalist.", title="Voyages by Ada Lindqvist")
    assert unknown_names("Why did Lindqvist sail?", [document]) == ()
    assert unknown_names("Why did Microsoft sail?", [document]) == ("Microsoft",)


def test_a_company_that_calls_itself_the_company_is_known():
    cover = """UNITED STATES SECURITIES AND EXCHANGE COMMISSION

FORM 10-K

Lindqvist Holdings, Inc.

(Exact name of registrant as specified in its charter)

Securities registered pursuant to Section 12(b) of the Act

The company sells ferries."""
    assert unknown("What does Lindqvist Holdings sell?", cover) == ()
    assert unknown("What does Microsoft sell?", cover) == ("Microsoft",)
