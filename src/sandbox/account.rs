//! The fixed advertiser, identity and ad group.

use serde_json::{Value, json};

use super::app::App;
use super::call::Call;
use super::options::{ADGROUP, ADVERTISER, IDENTITY};
use super::reply::{HandlerResult, NO_PERMISSION, Refusal};

pub(super) fn advertisers(_app: &App) -> HandlerResult {
    Ok(json!({"list": [{"advertiser_id": ADVERTISER, "advertiser_name": "Sandbox advertiser"}]}))
}

pub(super) fn info(call: &Call) -> HandlerResult {
    let ids = call.ids("advertiser_ids", 100)?;
    if let Some(other) = ids.iter().find(|id| *id != ADVERTISER) {
        return Err(Refusal::new(NO_PERMISSION, format!("No permission to operate on advertiser {other}.")));
    }
    let entry = json!({
        "advertiser_id": ADVERTISER,
        "name": "Sandbox advertiser",
        "status": "STATUS_ENABLE",
        "currency": "USD",
        "timezone": "Etc/UTC",
        "country": "US",
    });
    let list: Vec<Value> = ids.iter().map(|_| entry.clone()).collect();
    Ok(json!({"list": list}))
}

pub(super) fn identities(app: &App, call: &mut Call) -> HandlerResult {
    app.advertiser(call)?;
    let identity = json!({
        "identity_id": IDENTITY, "identity_type": "CUSTOMIZED_USER", "display_name": "Sandbox",
    });
    Ok(json!({"identity_list": [identity], "page_info": one_page()}))
}

pub(super) fn adgroups(app: &App, call: &mut Call) -> HandlerResult {
    app.advertiser(call)?;
    let group = json!({
        "adgroup_id": ADGROUP,
        "advertiser_id": ADVERTISER,
        "adgroup_name": "Sandbox ad group",
        "operation_status": "ENABLE",
    });
    Ok(json!({"list": [group], "page_info": one_page()}))
}

fn one_page() -> Value {
    json!({"page": 1, "page_size": 10, "total_number": 1, "total_page": 1})
}
