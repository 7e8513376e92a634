//! Evaluations that amplify last bits.

use super::*;

#[test]
fn a_liar_is_rejected_where_the_evaluation_is_stable() {
    let (own, exact) = (scores(0, 40), scores(0, 0));
    for sample in [0, 7] {
        let code = settled(&own, &exact, &scores(sample, -1500)).code();
        assert!(matches!(code, "score_differs" | "mean_differs"), "{code}");
    }
    assert_eq!(settled(&own, &exact, &scores(0, 140)), Opinion::Approve);
    // The edge of what counts as stable.
    let liar = scores(4, -400_000);
    assert_eq!(
        settled(&scores(4, 100), &exact, &liar).code(),
        "mean_differs"
    );
    assert_eq!(
        settled(&scores(4, 101), &exact, &liar).code(),
        "ill_conditioned"
    );
}

#[test]
fn last_bits_accuse_nobody() {
    const ONE: i64 = 1_000_000;
    // The parity of a mantissa's last bit, which three arithmetics find in three ways.
    let parity = [
        [0, ONE, 0, ONE, ONE, 0, 0, ONE],
        [ONE, ONE, 0, 0, ONE, ONE, 0, ONE],
        [0, 0, ONE, ONE, 0, 0, ONE, 0],
    ];
    // 3e38 + 3e38 − 3e38 − 3e38 in another order: an infinite score is clipped to the range.
    let overflow = [[0; 8], [ONE; 8], [-ONE; 8]];
    // The larger of two equal logits, which the own libtorch and the reference engine see
    // differently on one sample.
    let mut tie = [[ONE; 8]; 3];
    tie[0][2] = 0;
    tie[1][6] = 0;
    for [claimed, own, exact] in [parity, overflow, tie] {
        let [claimed, own, exact] = [claimed, own, exact].map(challenger);
        let opinion = settled(&own, &exact, &claimed);
        assert_eq!(opinion, Opinion::Abstain(Abstention::IllConditioned));
    }
}

#[test]
fn figures_that_do_not_follow_are_a_lie_however_unstable_the_evaluation() {
    let (own, exact, published) = (scores(1, 2000), scores(1, 0), scores(1, -1000));
    let honest = *result(&published).figures().expect("scored");
    let figures = Figures {
        improvement: Score::from_micros(honest.improvement.micros() + 1),
        ..honest
    };
    assert_eq!(settled(&own, &exact, &published).code(), "ill_conditioned");
    let claimed = scored(figures, published.root());
    let own_result = result(&own);
    let opinion = compare(
        Side {
            result: &own_result,
            scores: Some(&own),
        },
        Side {
            result: &claimed,
            scores: Some(&published),
        },
        Some(&rules()),
    );
    assert_eq!(opinion, Opinion::Reject(Rejection::Figures));
    assert!(!rests_on_libtorch(&opinion, &claimed));
}
