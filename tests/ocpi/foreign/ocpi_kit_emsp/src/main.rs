//! An eMSP made of the crate ocpi-kit, for tests.
//!
//! Started with `--fd N` (a socket that listens), `--party DE-ABC`, `--version 2.3.0`, `--versions-url URL` and
//! `--token-a TOKEN` of the platform. Besides OCPI it answers `POST /register` by doing the handshake,
//! `POST /pull/{module}` by pulling that list, `POST /conformance` by the crate's own checks of the platform, and
//! `GET /kept` with what it was told.

use std::collections::HashMap;
use std::os::fd::FromRawFd;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use ocpi_kit::VersionNumber;
use ocpi_kit::client::{ClientConfig, Conformance, OcpiClient, Peer, Registration};
use ocpi_kit::server::{AuthenticatedPeer, InMemoryTokenStore, OcpiRouter};
use ocpi_kit::testkit::MockPeer;
use ocpi_kit::transport::{CredentialsToken, PageQuery, TokenRole};
use ocpi_kit::types::{CiString, DateTime, OcpiString, PartyRef, Url, Validate};
use ocpi_kit::v2_3_0::credentials::{Credentials, CredentialsRole};
use ocpi_kit::v2_3_0::locations::BusinessDetails;
use ocpi_kit::v2_3_0::types::Role;
use serde_json::{Value, json};

const TOKEN_B: &str = "ocpi-kit-token-b";

struct Emsp {
    mock: MockPeer,
    tokens: Arc<InMemoryTokenStore>,
    client: OcpiClient,
    party: PartyRef,
    version: VersionNumber,
    base: Url,
    versions_url: Url,
    token_a: CredentialsToken,
    platform: Mutex<Option<(Peer, String)>>,
}

type Shared = Arc<Emsp>;
type Answer = Result<Json<Value>, (StatusCode, String)>;

fn broken(error: impl core::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// The platform is let in by token B, and may write what is of these parties.
fn let_in(tokens: &InMemoryTokenStore, parties: Vec<PartyRef>, version: &VersionNumber) {
    tokens.insert(
        CredentialsToken::new(TOKEN_B).expect("a token"),
        AuthenticatedPeer { peer_id: "platform".to_owned(), role: TokenRole::C, parties, version: version.clone() },
    );
}

fn credentials(emsp: &Emsp) -> Credentials {
    Credentials::builder()
        .token(OcpiString::<64>::new(TOKEN_B).expect("a token"))
        .url(emsp.base.join("versions"))
        .roles(vec![
            CredentialsRole::builder()
                .role(Role::Emsp)
                .business_details(BusinessDetails::builder().name("Made of ocpi-kit").build())
                .party_id(emsp.party.party_id.clone())
                .country_code(emsp.party.country_code.clone())
                .build(),
        ])
        .build()
}

async fn register(State(emsp): State<Shared>) -> Answer {
    let transport = emsp.client.transport();
    let peer = Registration::new(emsp.versions_url.clone(), emsp.token_a.clone())
        .discover(transport)
        .await
        .map_err(broken)?
        .select(transport, &emsp.version)
        .await
        .map_err(broken)?
        .register(transport, &credentials(&emsp))
        .await
        .map_err(broken)?;
    let parties = peer.parties().to_vec();
    let_in(&emsp.tokens, parties.clone(), &emsp.version);
    let names: Vec<String> = parties.iter().map(ToString::to_string).collect();
    *emsp.platform.lock().expect("a lock") = Some((peer, String::new()));
    Ok(Json(json!(names)))
}

async fn pull(State(emsp): State<Shared>, Path(module): Path<String>) -> Answer {
    let (peer, _) = emsp.platform.lock().expect("a lock").clone().ok_or_else(|| broken("not registered"))?;
    let session = emsp.client.peer(&peer, emsp.party.clone());
    let since = DateTime::from_unix_timestamp(1_577_836_800).expect("a moment");
    let query = PageQuery { date_from: Some(since), limit: Some(2), ..PageQuery::new() };
    macro_rules! ids {
        ($list:expr) => {{
            let mut found = Vec::new();
            for each in $list.map_err(broken)?.collect_all().await.map_err(broken)? {
                each.validate().map_err(|wrong| broken(format!("{}: {wrong:?}", each.id)))?;
                found.push(each.id.to_string());
            }
            found
        }};
    }
    Ok(Json(json!(match module.as_str() {
        "locations" => ids!(session.locations().list(query)),
        "tariffs" => ids!(session.tariffs().list(query)),
        "sessions" => ids!(session.sessions().list(query)),
        "cdrs" => ids!(session.cdrs().list(query)),
        _ => return Err((StatusCode::NOT_FOUND, module)),
    })))
}

/// What the crate finds by itself, by a token of the platform.
async fn conformance(State(emsp): State<Shared>, token: String) -> Answer {
    let token = CredentialsToken::new(token).map_err(broken)?;
    let report = Conformance::new(emsp.versions_url.clone(), token)
        .with_page_limit(2)
        .run(emsp.client.transport())
        .await;
    let rows: Vec<Value> = report
        .checks
        .iter()
        .map(|each| json!({"id": each.id, "title": each.title, "outcome": each.outcome.to_string(), "why": each.detail}))
        .collect();
    Ok(Json(json!(rows)))
}

async fn kept(State(emsp): State<Shared>) -> Json<Value> {
    Json(json!({
        "locations": emsp.mock.locations.all(),
        "tariffs": emsp.mock.tariffs.all(),
        "sessions": emsp.mock.sessions.all(),
        "cdrs": emsp.mock.cdrs.all(),
    }))
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let given: HashMap<&str, &str> = words.chunks(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let number = given["--fd"].parse().expect("a number");
    // SAFETY: whoever started this handed the socket over, and nobody else here uses it.
    let listening = unsafe { std::net::TcpListener::from_raw_fd(number) };
    listening.set_nonblocking(true).expect("a socket");
    let listening = tokio::net::TcpListener::from_std(listening).expect("a socket");
    let port = listening.local_addr().expect("an address").port();
    let base = Url::new(format!("http://127.0.0.1:{port}")).expect("a URL");
    let (country, party) = given["--party"].split_once('-').expect("COUNTRY-PARTY");
    let party = PartyRef { country_code: CiString::new(country).expect("a country"), party_id: CiString::new(party).expect("a party") };
    let version: VersionNumber = serde_json::from_value(json!(given["--version"])).expect("a version");
    let tokens = Arc::new(InMemoryTokenStore::new());
    let_in(&tokens, Vec::new(), &version);
    let mock = MockPeer::new(base.clone(), party.clone(), Role::Emsp);
    let router = mock.mount(OcpiRouter::new(version.clone(), base.clone(), tokens.clone())).build();
    let emsp = Arc::new(Emsp {
        mock,
        tokens,
        client: OcpiClient::with_config(ClientConfig::for_testing()).expect("a client"),
        party,
        version,
        base,
        versions_url: Url::new(given["--versions-url"]).expect("a URL"),
        token_a: CredentialsToken::new(given["--token-a"]).expect("a token"),
        platform: Mutex::new(None),
    });
    let ours = axum::Router::new()
        .route("/register", post(register))
        .route("/pull/{module}", post(pull))
        .route("/conformance", post(conformance))
        .route("/kept", get(kept))
        .with_state(emsp);
    axum::serve(listening, ours.merge(router)).await.expect("a server");
}
