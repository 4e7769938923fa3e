//! Documents and questions, counted.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::domain::knowledge::ranking::Ranking;

/// What becomes of documents, and how questions are answered.
#[derive(Debug)]
pub struct KnowledgeMetrics {
    searches: Family<Search, Counter>,
    documents: Family<Document, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Search {
    ranking: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Document {
    outcome: &'static str,
}

impl KnowledgeMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let (searches, documents) = (Family::default(), Family::default());
        let help = "Questions by how passages were ranked: hybrid, or by words alone, because nobody could embed the question";
        registry.register("knowledge_searches", help, searches.clone());
        registry.register(
            "knowledge_documents",
            "Documents that were prepared: ready, or failed",
            documents.clone(),
        );
        Self { searches, documents }
    }

    /// A question was answered, or not.
    pub(crate) fn searched(&self, ranking: Ranking) {
        let ranking = match ranking {
            Ranking::Both => "hybrid",
            Ranking::Words => "words",
            Ranking::Vectors => "vectors",
        };
        self.searches.get_or_create(&Search { ranking }).inc();
    }

    /// A document was prepared, or cannot be.
    pub(crate) fn prepared(&self, outcome: &'static str) {
        self.documents.get_or_create(&Document { outcome }).inc();
    }
}
