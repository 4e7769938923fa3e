//! What the two services agree on: the generated wire types and services of the `.proto` files here, whose comments are the API's
//! documentation, and what goes with every request.

pub mod address;
pub mod readyz;
pub mod trace;

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
