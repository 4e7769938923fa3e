//! The vectors that are kept in memory are those of the documents as they are now, and of one organisation.

use booking_service::{caller::Caller, ops::search_knowledge::features};
use proto::booking::v1::DeleteDocumentRequest;

use crate::harness::{fixtures::Clinic, knowledge::Library, with_token};

/// No document has one of its words: what may answer it is found by vectors alone.
const QUESTION: &str = "xylophones";

impl Library {
    /// What may answer, in the order of the alphabet.
    async fn near(&self, clinic: &Clinic) -> Vec<String> {
        let caller = Caller::system(clinic.org);
        let found = features(&self.app.app, &caller, QUESTION).await.unwrap();
        let mut bodies: Vec<String> = found.into_iter().map(|(passage, _)| passage.body).collect();
        bodies.sort();
        bodies
    }
}

#[tokio::test]
async fn what_is_kept_of_vectors_is_what_the_documents_say_now() {
    let Some(library) = Library::empty().await else { return };
    let (clinic, other) = (&library.clinic, library.app.clinic().await);
    library.put(&other, "a", "# Elsewhere\n\nAnother organisation's sentence.\n").await;
    library.put(clinic, "a", "# Bells\n\nThe first sentence.\n").await;
    assert_eq!(library.near(clinic).await, ["The first sentence."]);
    library.put(clinic, "a", "# Bells\n\nThe second sentence.\n").await;
    assert_eq!(library.near(clinic).await, ["The second sentence."]);
    // As it was before: other passages, though they say the same.
    let again = library.put(clinic, "a", "# Bells\n\nThe first sentence.\n").await;
    assert_eq!(library.near(clinic).await, ["The first sentence."]);
    library.put(clinic, "b", "# Drums\n\nThe third sentence.\n").await;
    assert_eq!(library.near(clinic).await, ["The first sentence.", "The third sentence."]);
    let request = DeleteDocumentRequest { document_id: again.id };
    library.app.knowledge().delete_document(with_token(&clinic.admin, request)).await.unwrap();
    assert_eq!(library.near(clinic).await, ["The third sentence."]);
    assert_eq!(library.near(&other).await, ["Another organisation's sentence."]);
}
