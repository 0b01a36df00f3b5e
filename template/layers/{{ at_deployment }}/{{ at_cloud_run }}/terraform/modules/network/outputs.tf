# Both wait for the connection, so that nothing asks for a private address before there are any.
output "network" {
  description = "The network's ID."
  value       = google_compute_network.this.id
  depends_on  = [google_service_networking_connection.services]
}

output "subnetwork" {
  description = "The subnetwork's ID."
  value       = google_compute_subnetwork.this.id
  depends_on  = [google_service_networking_connection.services]
}
