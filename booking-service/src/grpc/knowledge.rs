//! `booking.v1.KnowledgeService`.

use proto::booking::v1::{self as pb, knowledge_service_server::KnowledgeService};
use tonic::{Request, Response, Status};

use super::{admit, answer};
use crate::{
    access::{DELETE_DOCUMENT, GET_DOCUMENT, LIST_DOCUMENTS, PUT_DOCUMENT, SEARCH_KNOWLEDGE},
    app::App,
    ops::{
        manage_documents::{delete_document, get_document, list_documents, put_document},
        search_knowledge::search_knowledge,
    },
};

#[derive(Debug)]
pub(super) struct Knowledge(pub(super) App);

#[tonic::async_trait]
impl KnowledgeService for Knowledge {
    async fn put_document(
        &self,
        request: Request<pb::PutDocumentRequest>,
    ) -> Result<Response<pb::PutDocumentResponse>, Status> {
        let (caller, message) = admit(&self.0, PUT_DOCUMENT, request).await?;
        let outcome = async { put_document(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, PUT_DOCUMENT, outcome).await
    }

    async fn get_document(
        &self,
        request: Request<pb::GetDocumentRequest>,
    ) -> Result<Response<pb::GetDocumentResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_DOCUMENT, request).await?;
        let outcome = async { get_document(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_DOCUMENT, outcome).await
    }

    async fn list_documents(
        &self,
        request: Request<pb::ListDocumentsRequest>,
    ) -> Result<Response<pb::ListDocumentsResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_DOCUMENTS, request).await?;
        let outcome = async { list_documents(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_DOCUMENTS, outcome).await
    }

    async fn delete_document(
        &self,
        request: Request<pb::DeleteDocumentRequest>,
    ) -> Result<Response<pb::DeleteDocumentResponse>, Status> {
        let (caller, message) = admit(&self.0, DELETE_DOCUMENT, request).await?;
        let outcome = async { delete_document(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, DELETE_DOCUMENT, outcome).await
    }

    async fn search_knowledge(
        &self,
        request: Request<pb::SearchKnowledgeRequest>,
    ) -> Result<Response<pb::SearchKnowledgeResponse>, Status> {
        let (caller, message) = admit(&self.0, SEARCH_KNOWLEDGE, request).await?;
        let outcome = async { search_knowledge(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, SEARCH_KNOWLEDGE, outcome).await
    }
}
