/** lethe.toml's [analytics]. */
export interface AnalyticsSettings {
  google_id: string;
  secret_file: string;
  collector: string;
}

/** What does not go together, with the key that it is about. */
export function analyticsProblems({
  analytics,
}: {
  analytics: AnalyticsSettings;
}): { section: string; key: string; what: string }[] {
  const { google_id: id, secret_file: file } = analytics;
  if ((id === "") === (file === "")) return [];
  const what = "analytics.google_id and analytics.secret_file go together: set both, or neither";
  return [{ section: "analytics", key: id === "" ? "secret_file" : "google_id", what }];
}
