//! The generated wire types and services of the `.proto` files here. Their comments are the API's documentation.

/// Package `booking`.
pub mod booking {
    /// Version 1, kept compatible.
    #[expect(unused_qualifications, clippy::allow_attributes, clippy::pedantic, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("booking.v1");
    }
}

/// The compiled `.proto` files with their comments, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("descriptor");
